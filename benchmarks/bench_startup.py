"""Start-up of `pillarsim --help` relative to `python -c pass`, medians of alternating runs in one process.

Asked: under 10x. Run: python benchmarks/bench_startup.py [--json -]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    """Wall time of one run of `command`."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json")
    options = parser.parse_args()
    empty, helped = [sys.executable, "-c", "pass"], [sys.executable, "-m", "pillarsim", "--help"]
    seconds(helped)  # byte code is compiled once
    pairs = [(seconds(empty), seconds(helped)) for _ in range(options.repeats)]
    ratio = statistics.median(b for _, b in pairs) / statistics.median(a for a, _ in pairs)
    result = {"python_pass_s": statistics.median(a for a, _ in pairs), "help_ratio": ratio, "asked_below": 10}
    if options.json == "-":
        print(json.dumps(result, indent=2))
    else:
        print(f"pillarsim --help takes {ratio:.1f}x of python -c pass (asked: below 10x)")


if __name__ == "__main__":
    main()
