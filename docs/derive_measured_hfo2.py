"""Derive the device cards of the measured HfO2 arrays from the raw arrays, which are not part of this project.

    python docs/derive_measured_hfo2.py --data-dir DIR [--out FOLDER]

Reads DIR/rram/radar_rram_measured.npz (arrays of 10.1109/TED.2021.3097975) and prints statistics as YAML: quantile
tables, success rates and pulses of write-verify; spreads of set-reset cycling; the change in a bake; sweeps of single
pulses. With --out it writes hfo2_measured.yaml and hfo2_measured_binary.yaml, the cards under configs/devices, which
hold such statistics only. Same data, same output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from measured_hfo2.cards import binary_card, levels_card
from measured_hfo2.statistics import bake, cycling, sweeps, three_bit, write_verify
from measured_hfo2.text import DOI


def main() -> None:
    """Print the statistics; write the cards where a folder is named."""
    parser = argparse.ArgumentParser(description="Derive the cards of the measured HfO2 arrays.")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds rram/radar_rram_measured.npz")
    parser.add_argument("--out", type=Path, help="folder for hfo2_measured.yaml and hfo2_measured_binary.yaml")
    given = parser.parse_args()
    path = given.data_dir / "rram" / "radar_rram_measured.npz"
    if not path.is_file():
        parser.error(f"no file {path}: expected the measured arrays of {DOI}")
    with np.load(path) as stored:
        data = {name: stored[name].astype(np.float64) for name in stored.files}
    for part in (write_verify, cycling, bake, three_bit, sweeps):
        print("\n".join(part(data)))
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "hfo2_measured.yaml").write_text("\n".join(levels_card(data)) + "\n")
        (given.out / "hfo2_measured_binary.yaml").write_text("\n".join(binary_card(data)) + "\n")


if __name__ == "__main__":
    main()
