"""Writing weights: a card's programming error reaches the cells, and draws belong to layer, replica and seed."""

from __future__ import annotations

import math

import pytest
import torch

from pillarsim.arch.compute.program import cell_states, ideal_layers, program, written_cells
from pillarsim.devices.cells import WriteRule
from tests.arch.circuit.builders import Made, array, made
from tests.near import near

MANY = 200_000


@pytest.fixture(scope="module")
def written() -> Made:
    """One layer on an array whose cells have errors of 0.5 (HRS) and 0.2 (LRS)."""
    cell = {"lrs": "10 kOhm", "hrs": "1 MOhm", "levels": 4, "programming_error": {"lrs": 0.2, "hrs": 0.5}}
    return made(array("passive", cell=cell), 12, 5)


def test_the_cards_error_reaches_the_cells(written: Made) -> None:
    """Unverified cells spread by the card's sigma of ln(G), between the states by ln(conductance)."""
    states, one = cell_states(written.chip.array, 2), WriteRule(None, 1)
    assert (states.g_min_s, states.g_max_s) == near((1e-6, 1e-4), rel=1e-12)
    for level, target in enumerate((1e-6, 34e-6, 67e-6, 100e-6)):
        sigma = 0.5 - 0.3 * math.log10(target / 1e-6) / 2
        cells = written_cells("fc", 0, torch.full((MANY,), level, dtype=torch.uint8), states, one, 3)
        logs = torch.log(cells.conductance_s.double() / target)
        assert abs(float(logs.mean())) < 3 * sigma / math.sqrt(MANY)
        assert abs(float(logs.std()) - sigma) < 3 * sigma / math.sqrt(2 * MANY)


def test_draws_belong_to_layer_replica_and_seed(written: Made) -> None:
    """Another layer, replica or seed gives other cells; threads and repetition the same."""
    states, rule = cell_states(written.chip.array, 2), WriteRule(1e-6, 20)
    levels = torch.ones(1000, dtype=torch.uint8)
    first = written_cells("fc", 0, levels, states, rule, 3).conductance_s
    assert torch.equal(first, written_cells("fc", 0, levels, states, rule, 3, threads=2).conductance_s)
    for layer, replica, seed in (("conv", 0, 3), ("fc", 1, 3), ("fc", 0, 4)):
        other = written_cells(layer, replica, levels, states, rule, seed).conductance_s
        assert float((other == first).double().mean()) < 0.01


def test_values_and_programming_see_the_same_cells(written: Made) -> None:
    """The layer that reads see is replica 0 as written, within tolerance of its targets."""
    chip, bits = written.chip, written.chip.bits_per_cell
    (layer,) = program(written.placement, written.levels, chip.array, chip.write, bits, 7, threads=2)
    assert torch.equal(layer.conductance_s, written.device[0].conductance_s)
    assert chip.write.verify is not None
    (ideal,) = ideal_layers(written.levels, chip.array, bits)
    rule = WriteRule(chip.write.verify.tolerance, chip.write.verify.max_pulses)
    name = written.placement.layers[0].name
    cells = written_cells(name, 0, written.levels[0].levels, cell_states(chip.array, bits), rule, 7)
    assert torch.equal(cells.conductance_s, layer.conductance_s)
    off = (layer.conductance_s - ideal.conductance_s).abs()[~cells.failed]
    assert float(off.max()) <= chip.write.verify.tolerance * (1 + 1e-5)
