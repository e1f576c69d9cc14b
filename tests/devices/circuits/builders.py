"""Small cases of each kind of array, as the `spec` of a case file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Spec = dict[str, Any]

LINEAR = {"model": "linear", "g_lrs": 1e-4, "g_hrs": 1e-6}
SINH = {"model": "sinh", "g_lrs": 1e-6, "g_hrs": 1e-8, "k": 3.0}
POOLE_FRENKEL = {"model": "poole_frenkel", "g_lrs": 1e-6, "g_hrs": 1e-8, "v_pf": 0.03}
EXP = {"model": "exp", "g0": 1e-7, "ks": 8.0}
THRESHOLD = {"model": "threshold", "g_on": 1e-4, "g_off": 1e-9, "v_th": 0.4, "w": 0.05}

WORD_LINES: dict[str, Spec] = {
    "plane": {"type": "plane"},
    "comb": {"type": "comb", "rows_per_finger": 1, "n_combs": 2},
    "wide comb": {"type": "comb", "rows_per_finger": 2, "n_combs": 2},
    "comb2": {"type": "comb2", "n_combs": 2},
    "finger": {"type": "finger"},
}
NO_WIRES = dict.fromkeys(("r_row", "r_col", "r_wl", "r_pillar", "r_bl", "r_driver", "r_sense"), 0.0)


def planar(rows: int, cols: int, **changes: Any) -> Spec:
    """A compute case of a planar array; every resistance differs, so that none can stand for another."""
    spec = {
        "geometry": "2d",
        "mode": "compute",
        "rows": rows,
        "cols": cols,
        "r_row": 3.0,
        "r_col": 7.0,
        "r_driver": 110.0,
        "r_sense": 45.0,
        "cell": LINEAR,
        "selector": None,
        "v_in": np.linspace(0.1, 0.3, rows).tolist(),
    }
    return spec | changes


def vertical(layers: int, rows: int, cols: int, wl: str, **changes: Any) -> Spec:
    """A compute case of a vertical array with the first pillar row on; `v_in` is left to the caller."""
    spec = {
        "geometry": "3d",
        "mode": "compute",
        "layers": layers,
        "rows": rows,
        "cols": cols,
        "wl": WORD_LINES[wl],
        "r_wl": 4.0,
        "r_pillar": 11.0,
        "r_bl": 2.5,
        "r_driver": 110.0,
        "r_sense": 45.0,
        "r_on": 2000.0,
        "r_off": 1e9,
        "cell": LINEAR,
        "selector": None,
        "on_rows": [0],
    }
    return spec | changes


def memory(spec: Spec, scheme: str = "half", v: float = 1.0, **changes: Any) -> Spec:
    """The same array read at its far corner."""
    last = {key: [spec[key] - 1] for key in ("rows", "cols", "layers") if key in spec}
    chosen: Spec = {"sel_cols": last["cols"]}
    if spec["geometry"] == "2d":
        chosen["sel_rows"] = last["rows"]
    else:
        chosen |= {"sel_row": last["rows"][0], "sel_layers": last["layers"], "sel_side": 1}
    return spec | {"mode": "memory", "scheme": scheme, "v": v, "pattern": {"kind": "checker"}} | chosen | changes


def conductances(*shape: int, seed: int = 1) -> NDArray[np.float64]:
    """Conductances over two decades, in siemens."""
    found: NDArray[np.float64] = 10 ** np.random.default_rng(seed).uniform(-6, -4, shape)
    return found
