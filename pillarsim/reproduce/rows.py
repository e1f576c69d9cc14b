"""The rows of `pillarsim reproduce` by name. A row's module is imported when it runs.

A row's module has `simulate(quick, progress, data_dir) -> Result` and `draw(result) -> matplotlib Figure`. One that
runs long also takes `checkpoint`, a folder where it keeps what it has done, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from pillarsim.arch.errors import InputError, nearest
from pillarsim.reproduce.claims import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# (stage, done, total)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Row:
    """One paper: its name, one line about it, and the module that simulates it."""

    name: str
    line: str
    module: str

    def keeps(self) -> bool:
        """Whether the row can keep what it has done in a folder, and go on from there."""
        return "checkpoint" in signature(import_module(self.module).simulate).parameters

    def simulate(
        self, quick: bool, progress: Progress, data_dir: Path | None = None, checkpoint: Path | None = None
    ) -> Result:
        """Simulate the row.

        data_dir: the user's data folder, for rows that use more than what is shipped. checkpoint: a folder of what the
        row has done so far. Raises InputError where the row keeps nothing (`keeps`).
        """
        simulate = import_module(self.module).simulate
        if checkpoint is None:
            result = simulate(quick, progress, data_dir)
        elif self.keeps():
            result = simulate(quick, progress, data_dir, checkpoint=checkpoint)
        else:
            keepers = ", ".join(row.name for row in ROWS.values() if row.keeps())
            raise InputError(f"--checkpoint: {self.name} has nothing to keep; rows that have: {keepers}")
        assert isinstance(result, Result)
        return result

    def draw(self, result: Result) -> Figure:
        """Draw the series of a result. Needs matplotlib."""
        figure: Figure = import_module(self.module).draw(result)
        return figure


ROWS = {
    row.name: row
    for row in (
        Row(
            "chen2021",
            "Chen et al. 2021, leakage current and read margin of HfO2/TaOx 3-D vertical RRAM",
            "pillarsim.reproduce.chen2021",
        ),
        Row(
            "prabhu2020",
            "Prabhu et al. 2020, RRAM variability and the output of a first convolution layer",
            "pillarsim.reproduce.prabhu2020",
        ),
        Row(
            "qin2021",
            "Qin et al. 2021, TaOx RRAM with local Al doping: separable states, spreads, pulses",
            "pillarsim.reproduce.qin2021",
        ),
        Row(
            "prakash2016",
            "Prakash and Hwang 2016, multi-level cells: schemes, overlap, retention",
            "pillarsim.reproduce.prakash2016",
        ),
        Row(
            "kim2017",
            "Kim et al. 2017, networks trained for nonlinear current-voltage curves",
            "pillarsim.reproduce.kim2017",
        ),
        Row(
            "majumdar2021-devices",
            "Majumdar et al. 2021, weak RESET of HfOx: device statistics",
            "pillarsim.reproduce.majumdar2021_devices",
        ),
        Row(
            "majumdar2021",
            "Majumdar et al. 2021, binary networks in weak-RESET pairs, and what imperfections cost them",
            "pillarsim.reproduce.majumdar2021",
        ),
        Row(
            "multiresbind2021",
            "Zhao and Hamada 2021, Multi-resBind: its totals, and its architecture on noisy crossbars",
            "pillarsim.reproduce.multiresbind2021",
        ),
        Row(
            "sun2019",
            "Sun et al. 2019, 3-D vertical RRAM synapses: structure-aware updates learn the alphabet",
            "pillarsim.reproduce.sun2019",
        ),
        Row(
            "boybat2019",
            "Boybat et al. 2019, synapses of several ReRAM devices chosen by counters, and how well they learn",
            "pillarsim.reproduce.boybat2019",
        ),
    )
}


def find_row(name: str) -> Row:
    """Return a row by name; raises InputError with the nearest name."""
    if name not in ROWS:
        raise InputError(f"no row {name!r}: expected {', '.join(('list', *ROWS))}{nearest(name, ('list', *ROWS))}")
    return ROWS[name]
