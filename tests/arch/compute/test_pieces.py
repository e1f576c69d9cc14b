"""Layers in pieces: the same cells, programming and activity as layers at once, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from threading import Event

import numpy as np
import pytest
import torch

from pillarsim.arch.activity import Activity, LayerActivity, LayerProgramming
from pillarsim.arch.chip import Chip
from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute import pieces as module
from pillarsim.arch.compute.activities import activity_of_sums, default_activity, written_sums
from pillarsim.arch.compute.aged import aged
from pillarsim.arch.compute.coding import weight_levels
from pillarsim.arch.compute.pieces import Piece, in_order, pieces
from pillarsim.arch.compute.program import LayerLevels, cell_states, placement_levels, program
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.programming import NetworkWritten, programming, write_network
from pillarsim.arch.compute.reading import read_rule
from pillarsim.arch.compute.response import Response
from pillarsim.arch.errors import InputError
from pillarsim.arch.ir_drop import ir_drop_estimate
from pillarsim.arch.placement import PlacedLayer, Placement
from pillarsim.devices.current_voltage import Sinh
from pillarsim.mapping import compile_network
from pillarsim.workloads.network import Linear, Network
from tests.arch.chip.card_cases import DRIFT, NOISY, PULSED
from tests.arch.compute import made
from tests.near import near

SEED = 5
FLIP = ("weights.scheme=offset_flip",)
# name -> (settings of the default chip, whether draws are a piece's own)
CHIPS: dict[str, tuple[tuple[str, ...], bool]] = {
    "pairs": ((), False),
    "flipped": (FLIP, False),
    "telegraph": (NOISY, True),
    "drift": (DRIFT, True),
    "pulses": (PULSED, True),
}


@dataclass(frozen=True)
class Case:
    """A compiled layer of 300 rows, in blocks of 100, on two replicas."""

    chip: Chip
    placement: Placement

    @property
    def layer(self) -> PlacedLayer:
        """The layer."""
        return self.placement.layers[0]

    @property
    def levels(self) -> tuple[LayerLevels, ...]:
        """How it is coded."""
        return placement_levels(self.placement, self.chip.weights, self.chip.bits_per_cell)

    def device(self) -> tuple[ProgrammedLayer, ...]:
        """All of its cells, as reads find them."""
        chip = self.chip
        written = program(self.placement, self.levels, chip.array, chip.write, chip.bits_per_cell, SEED)
        return aged(self.placement, written, chip.array, chip.retention, 300.0, SEED)

    def written(self, threads: int = 1) -> NetworkWritten:
        """Programming, and the sums that reads need."""
        chip = self.chip
        rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
        look = partial(
            written_sums, rule=rule, array=chip.array, retention=chip.retention, temperature_k=300.0, seed=SEED
        )
        return write_network(
            self.placement, self.levels, chip.array, chip.write, chip.bits_per_cell, self.rails(), SEED,
            look=look, threads=threads,
        )  # fmt: skip

    def rails(self) -> dict[float, float]:
        """Rails a tenth above what the array takes."""
        write = self.chip.write
        volts = {self.chip.array.read_voltage, write.voltage, write.reset.voltage if write.reset else write.voltage}
        return {volt: 1.1 * volt for volt in volts}

    def activity(self, written: NetworkWritten) -> tuple[LayerActivity, ...]:
        """Default activity of the sums."""
        assert written.reads is not None
        chip = self.chip
        rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
        return activity_of_sums(self.placement, written.reads, rule)

    def held_activity(self) -> tuple[LayerActivity, ...]:
        """Default activity of cells that are held."""
        chip = self.chip
        rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
        return default_activity(self.placement, self.device(), rule)


def case(*sets: str) -> Case:
    """Compile the layer."""
    chip = load_chip("hfox_planar_128", sets).chip
    random = np.random.default_rng(0)
    weight = random.normal(size=(70, 300)).astype(np.float32)
    network = Network("one", (300,), (Linear("fc", weight, np.zeros(70, np.float32)),), None)
    placement = compile_network(
        network, random.random((4, 300), dtype=np.float32), array=chip.array, tile=chip.tile, weights=chip.weights,
        bits_per_cell=chip.bits_per_cell, inputs=chip.input, mapping=chip.mapping,
    )  # fmt: skip
    (layer,) = placement.layers
    return Case(chip, replace(placement, layers=(replace(layer, replicas=layer.replicas[:1] * 2),)))


def small(monkeypatch: pytest.MonkeyPatch, cells: int = 1) -> None:
    """Pieces of `cells`, so of one row block where it is 1."""
    monkeypatch.setattr(module, "MOST_CELLS", cells)


def test_pieces_are_runs_of_row_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row block once, in order; no piece above the limit but a single block; no two that would fit together."""
    layer = made.layer(made.RULE, made.linear(95, 3), np.random.default_rng(0), array_rows=10, active=10)
    row_cells = layer.units * layer.polarities
    for most in (1, 10 * row_cells, 25 * row_cells, 10**6):
        small(monkeypatch, most)
        found = pieces(layer)
        assert [block for piece in found for block in piece.row_blocks(layer)] == list(layer.row_blocks)
        assert (found[0].start, found[-1].stop) == (0, 95)
        for one, following in pairwise(found):
            assert one.stop == following.start
            assert (layer.row_blocks[following.first].stop - one.start) * row_cells > most
        assert all(piece.last == piece.first + 1 or (piece.stop - piece.start) * row_cells <= most for piece in found)


def test_results_come_in_order_and_an_error_cancels_the_rest() -> None:
    """Three threads: order kept, progress counted; after an error nothing new starts."""
    seen: list[tuple[int, int]] = []
    assert in_order(lambda x: x * x, range(50), 3, lambda *done: seen.append(done)) == [x * x for x in range(50)]
    assert seen == [(number, 50) for number in range(1, 51)]
    started, waiting = [], Event()

    def work(number: int) -> None:
        started.append(number)
        if number == 0:
            raise InputError("no")
        waiting.wait(0.2)

    with pytest.raises(InputError, match="no"):
        in_order(work, range(1000), 2)
    assert len(started) < 100


@pytest.mark.parametrize("name", CHIPS)
def test_cells_of_pieces_are_those_of_the_layer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells, columns complemented and levels bit for bit; own draws begin anew with each piece, after the first."""
    one = case(*CHIPS[name][0])
    (whole,), levels = one.device(), one.levels[0].levels
    weights = one.chip.weights
    coded = weight_levels(
        one.layer.matrix.weight, weights.scheme, weights.bits, one.chip.bits_per_cell, one.layer.row_blocks
    )
    small(monkeypatch)
    assert len(pieces(one.layer)) == 3
    (parts,) = one.device()
    assert torch.equal(levels, coded[0])
    assert torch.equal(one.levels[0].levels, coded[0])
    for flipped in (whole.flipped, parts.flipped):
        assert (flipped is None) == (coded[1] is None)
        assert flipped is None or coded[1] is None or torch.equal(flipped, coded[1])
    first, own = pieces(one.layer)[0].rows, CHIPS[name][1]
    assert torch.equal(parts.conductance_s, whole.conductance_s) == (not own)
    assert own is False or torch.equal(parts.conductance_s[0, first], whole.conductance_s[0, first])


@pytest.mark.parametrize("name", CHIPS)
def test_writing_in_pieces_counts_what_the_layer_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece or in three, on one thread or three: activity bit for bit that of held cells, and programming."""
    one = case(*CHIPS[name][0])
    whole = one.written()
    assert one.activity(whole) == one.held_activity()
    small(monkeypatch)
    written = one.written()
    assert written.layers == one.written(3).layers
    assert one.activity(written) == one.activity(one.written(3)) == one.held_activity()
    if name != "pulses":
        assert written.layers == whole.layers


def test_programming_is_what_the_cells_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Energies and pulses from the very cells of both replicas, counted by hand without a reset."""
    one = case("write.reset=null", "write.scheme=isolated")
    chip, seen = one.chip, []
    small(monkeypatch)

    def solver(layer: PlacedLayer, conductance_s: torch.Tensor, pulses: torch.Tensor) -> None:
        raise AssertionError("nothing to solve where cells are isolated")

    def look(layer: PlacedLayer, piece: Piece, conductance_s: torch.Tensor) -> None:
        seen.append((piece.start, conductance_s))

    common = (one.placement, one.levels, chip.array, chip.write, chip.bits_per_cell, one.rails(), SEED)
    found = write_network(*common, look=look, solver=solver).layers  # type: ignore[arg-type]
    (held,) = program(*common[:5], SEED)
    assert torch.equal(torch.cat([part for _, part in seen], dim=1), held.conductance_s)
    assert found == programming(*common)
    assert found[0].cells == 2 * held.conductance_s.numel()
    assert found[0].resets == 0
    assert len(found[0].group_pulses) == 2 * len(one.layer.replicas[0])
    assert sum(found[0].group_pulses) <= found[0].pulses
    assert found[0].half_select_j == 0


def test_one_pulse_each_is_a_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unverified, without a reset: one pulse a cell and a group, V^2 t times the summed conductance."""
    one = case("write.verify=null", "write.reset=null", "write.scheme=isolated")
    chip = one.chip
    small(monkeypatch)
    single = replace(one.placement, layers=(replace(one.layer, replicas=one.layer.replicas[:1]),))
    alone = Case(chip, single)
    (found,), (held,) = alone.written(2).layers, alone.device()
    assert found.pulses == found.cells == held.conductance_s.numel()
    assert found.group_pulses == found.groups
    rise = chip.array.cell.iv.rise(chip.write.voltage) / chip.array.cell.iv.rise(chip.array.read_voltage)
    energy_j = chip.write.voltage**2 * rise * float(held.conductance_s.double().sum()) * chip.write.pulse
    assert found.cell_energy_j == near(energy_j, rel=1e-12)
    assert found.rail_loss_j == near(0.1 * energy_j, rel=1e-9)


@pytest.mark.parametrize("response", [False, True])
def test_default_spikes_add_over_pieces(response: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Activity of three layers does not depend on pieces, with spikes, and with nonlinear cells."""
    rule = made.with_rule(bits=12, spikes=replace(made.NEURON, gain=2.0))
    if response:
        rule = replace(rule, chunk_bits=4, response=Response(Sinh(0.1), 0.3, 15, 300.0))
    placement = made.network(rule, np.random.default_rng(8))
    devices = [made.device(rule, layer, 0.1) for layer in placement.layers]
    devices[2] = replace(devices[2], effective_s=devices[2].conductance_s * 0.9)
    whole = default_activity(placement, devices, rule)
    assert min(one.spikes for one in whole) > 0
    small(monkeypatch)
    assert max(len(pieces(layer)) for layer in placement.layers) == 3
    assert default_activity(placement, devices, rule) == whole


def test_ir_drop_is_of_the_mean_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate is the same to rounding from one piece and from three, and moves with the mean of the cells."""
    one = case()
    activity = Activity(one.held_activity(), one.written().layers, "here")

    def drop() -> dict[str, float]:
        return ir_drop_estimate(one.placement, one.levels, activity, one.chip.array, one.chip.bits_per_cell, 300.0)

    whole = drop()
    small(monkeypatch)
    parts = drop()
    assert parts["mean"] == near(whole["mean"], rel=1e-13)
    assert parts["worst"] == near(whole["worst"], rel=1e-13)
    zeros = replace(one.layer, matrix=replace(one.layer.matrix, weight=np.zeros_like(one.layer.matrix.weight)))
    empty = Case(one.chip, replace(one.placement, layers=(zeros,)))
    lowest = ir_drop_estimate(
        empty.placement, empty.levels, activity, one.chip.array, one.chip.bits_per_cell, 300.0
    )["worst"]  # fmt: skip
    targets = cell_states(one.chip.array, one.chip.bits_per_cell).targets_s()
    assert lowest / parts["worst"] == near(targets[0] / targets[one.levels[0].levels.numpy()].mean(), rel=0.2)


MEMORY = """
    import torch
    from pathlib import Path
    from pillarsim.arch.compute import pieces
    from tests.arch.compute.test_pieces import big
    torch.set_num_threads(1)
    pieces.MOST_CELLS = 1 << 20
    def memory_mb(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024 / 1e6
    big(256).written()  # loads and compiles everything
    case = big(12_800)
    before = memory_mb("VmHWM")
    written = case.written()
    case.activity(written)
    print(written.layers[0].cells, memory_mb("VmHWM") - before)
"""


def big(rows: int) -> Case:
    """A layer of `rows` x 100 weights of 8 cells, on one replica."""
    chip = load_chip("isaac_isca_2016").chip
    shape = made.linear(rows, 100)
    rule = read_rule(chip.array, chip.weights, chip.input, chip.readout, chip.bits_per_cell)
    return Case(chip, made.alone(made.layer(rule, shape, np.random.default_rng(0))))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_that_of_a_piece() -> None:
    """Less than levels and outcome of all 10 million cells would take if held, 10 bytes a cell; pieces are a tenth."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY)], check=True, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    cells, grown_mb = (float(word) for word in done.stdout.split())
    assert cells == 12_800 * 100 * 8
    assert grown_mb < 10 * cells / 1e6


def test_a_level_that_the_card_lacks_is_refused() -> None:
    """The error of a piece on another thread arrives as it is."""
    one = case()
    wrong = LayerLevels(one.layer, one.chip.weights.scheme, one.chip.weights.bits, one.chip.bits_per_cell + 1)
    chip = one.chip
    with pytest.raises(InputError, match=r"array\.cell: level"):
        write_network(
            one.placement, (wrong,), chip.array, chip.write, chip.bits_per_cell, one.rails(), SEED, threads=2
        )  # fmt: skip
    assert isinstance(one.written().layers[0], LayerProgramming)
