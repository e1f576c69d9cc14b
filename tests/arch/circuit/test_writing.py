"""Write pulses: against the memory results, closed forms without wires, and energies counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pillarsim.arch.activity import LayerProgramming
from pillarsim.arch.chip import Write
from pillarsim.arch.circuit.effective import ArrayTask, array_tasks
from pillarsim.arch.circuit.writing import sample_writes, write_solver
from pillarsim.arch.compute.physical import physical
from pillarsim.arch.compute.programming import PulsePower, Solver, programming
from pillarsim.arch.errors import InputError
from pillarsim.arch.placement import PlacedLayer
from pillarsim.devices.circuits import CircuitError, solve, solve_write
from pillarsim.devices.circuits.layout import cell_shape
from pillarsim.devices.halfselect import half_selected_pulses, partial_voltage
from tests.arch.circuit.builders import COLUMNS, Made, Spec, array, made, write_of
from tests.near import near

G = 2e-6  # S
WORD_LINES: dict[str, Spec] = {
    "plane": {"type": "plane"},
    "comb": {"type": "comb", "rows_per_finger": 2, "n_combs": 2},
    "comb2": {"type": "comb2"},
    "finger": {"type": "finger"},
}
LAWS: dict[str, Spec] = {"linear": {"model": "linear"}, "sinh": {"model": "sinh", "k": 3.0}}


def memory(kind: str, law: str = "linear", *, wires: bool = True, scheme: str = "half", **keys: Any) -> Spec:
    """A write of two cells in one row of a planar (5, 4) array, or of a vertical one of 3 layers."""
    ohm = [4.0, 7.0, 110.0, 45.0, 11.0, 2e3, 1e9] if wires else [0.0] * 6 + [1e15]
    spec: Spec = {"mode": "memory", "scheme": scheme, "v": 1.2, "rows": 5, "cols": 4, "sel_cols": [1, 3]}
    spec |= {"r_driver": ohm[2], "r_sense": ohm[3], "cell": LAWS[law] | {"g_lrs": G, "g_hrs": G / 50}}
    if kind == "planar":
        return spec | {"geometry": "2d", "r_row": ohm[0], "r_col": ohm[1], "sel_rows": [2]} | keys
    spec |= {"geometry": "3d", "layers": 3, "wl": WORD_LINES[kind], "r_wl": ohm[0], "r_bl": ohm[1]}
    spec |= {"r_pillar": ohm[4], "r_on": ohm[5], "r_off": ohm[6], "sel_layers": [1], "sel_row": 2, "sel_side": 1}
    return spec | keys


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
@pytest.mark.parametrize("kind", ["planar", *WORD_LINES])
def test_a_pulse_is_the_memory_case_with_low_selected_cells(kind: str, scheme: str, law: str) -> None:
    """Where the selected cells are at g_lrs: power, power of the selected cells and disturb of `solve`."""
    spec = memory(kind, law, scheme=scheme)
    g = G * 10 ** np.random.default_rng(2).uniform(-2, 0, cell_shape(spec))
    selected = {"planar": (2, [1, 3]), "comb2": (1, 2, [1, 3], 1)}.get(kind, (1, 2, [1, 3]))
    g[selected] = G
    run = solve(spec, g=g)["sel_lrs"]
    pulse = solve_write(spec, g)
    assert pulse.selected_w == near(np.dot(run["i_sel"], run["v_cell"]), rel=1e-9)
    assert pulse.selected_w + pulse.other_w + pulse.wires_w == near(run["power"], rel=1e-9)
    assert pulse.disturb_v == near(run["v_disturb_max"], rel=1e-9)
    assert min(pulse.other_w, pulse.wires_w) > 0


def test_a_reset_pulse_reverses_every_voltage() -> None:
    """V below 0 gives the powers and the disturb of V."""
    spec = memory("finger", "sinh")
    g = np.full(cell_shape(spec), G)
    one, other = solve_write(spec, g), solve_write(spec | {"v": -1.2}, g)
    assert one.selected_w == near(other.selected_w)
    assert one.other_w == near(other.other_w)
    assert one.disturb_v == near(other.disturb_v)


@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
@pytest.mark.parametrize("kind", ["planar", "finger", "plane", "comb"])
def test_without_wires_the_closed_form_is_exact(kind: str, scheme: str) -> None:
    """A planar array, and a vertical one of one pillar row: V/2, V/3 or V over the neighbours, nothing in wires."""
    keys: Spec = {} if kind == "planar" else {"rows": 1, "sel_row": 0}
    spec = memory(kind, wires=False, scheme=scheme, **keys)
    pulse = solve_write(spec, np.full(cell_shape(spec), G))
    lines = spec["rows"] if kind == "planar" else spec["layers"]
    others, at_v = half_selected_pulses(scheme, 4, lines, cell_pulses=2, group_pulses=1), partial_voltage(scheme, 1.2)
    assert pulse.selected_w == near(2 * G * 1.2**2)
    assert pulse.other_w == near(others * G * at_v**2, rel=1e-9)
    assert pulse.disturb_v == near(at_v)
    assert pulse.disturb_v == near({"half": 0.6, "third": 0.4, "ground": 1.2}[scheme])
    assert pulse.wires_w == pytest.approx(0, abs=1e-12 * pulse.selected_w)


def test_a_pulse_refuses_what_a_case_would() -> None:
    """Wrong shapes and unknown schemes are named."""
    spec = memory("planar")
    with pytest.raises(CircuitError, match="g: expected shape"):
        solve_write(spec, np.full((4, 4), G))
    with pytest.raises(CircuitError, match="scheme"):
        solve_write(spec | {"scheme": "isolated"}, np.full((5, 4), G))


def same_cells(layer: Made, pulses: int = 1) -> tuple[list[ArrayTask], torch.Tensor, torch.Tensor]:
    """Arrays of a layer whose cells all are G and all take the same number of pulses."""
    shape = physical(layer.device[0].conductance_s).shape
    tasks = list(array_tasks(layer.placement.layers[0], layer.chip.array, 300.0))
    return tasks, torch.full(shape, G), torch.full(shape, pulses, dtype=torch.int32)


@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
def test_sampled_pulses_are_the_closed_form_of_their_group(scheme: str) -> None:
    """Groups of 2 of the 4 cells of a row in a 4 x 4 array without wires, SET at 1.2 V and RESET at 0.9 V."""
    one = array("passive", wires=False)
    write = write_of(scheme, cells_at_once=2, reset={"voltage": "0.9 V", "pulse": "20 ns"})
    found = sample_writes(*same_cells(made(one, 4, 2), 3), one, write, np.random.default_rng(1))
    for power, volts in zip(found, (1.2, 0.9), strict=True):
        others, at_v = half_selected_pulses(scheme, 4, 4, cell_pulses=2, group_pulses=1), partial_voltage(scheme, volts)
        assert power is not None
        assert power.selected == near(2 * G * volts**2, rel=1e-6)
        assert power.half_select == near(others * G * at_v**2, rel=1e-6)
        assert power.wires == pytest.approx(0, abs=1e-12 * power.selected)
        assert power.disturb_v == near(at_v)


@pytest.mark.parametrize("kind", ["layer_serial", "select_line", "comb", "comb2"])
def test_a_pulse_writes_one_cell_where_the_array_holds_it(kind: str) -> None:
    """One cell far above the others: only the pulse that selects it is as strong as its conductance says."""
    one = array(kind, wires=False, resistance={"select_off": "1 GOhm"})
    layer = made(one, 9, 2)
    tasks, cells, pulses = same_cells(layer, 0)
    cells[7, 2], pulses[7, 2] = 100 * G, 1
    power, _ = sample_writes(tasks, cells, pulses, one, write_of("half"), np.random.default_rng(1))
    assert power.selected == near(100 * G * 1.2**2, rel=1e-6)


def test_draws_follow_the_pulses() -> None:
    """Of two arrays one takes a million times the pulses of the other: its cells are the ones that are pulsed."""
    one = array("passive", wires=False)
    tasks, cells, pulses = same_cells(made(one, 8, 2))
    assert len(tasks) == 2
    pulses[:4] = 1_000_000
    cells[4:] = 10 * G
    power, _ = sample_writes(tasks, cells, pulses, one, write_of("half"), np.random.default_rng(0))
    assert power.selected == near(G * 1.2**2, rel=1e-6)


def test_cells_that_are_done_are_not_selected() -> None:
    """A row written at once, three cells done after one pulse and one after a million: the rest waits at V/2."""
    one = array("passive", wires=False)
    tasks, cells, pulses = same_cells(made(one, 4, 2))
    pulses[:, 0] = 1_000_000
    power, _ = sample_writes(tasks, cells, pulses, one, write_of("half", cells_at_once=4), np.random.default_rng(0))
    assert power.selected == near(G * 1.2**2, rel=1e-6)
    assert power.half_select == near((3 + 3) * G * 0.6**2, rel=1e-6)


def test_a_write_without_a_solution_is_named() -> None:
    """A polynomial cell under a write voltage that it was not fitted for: layer and reason, not a traceback."""
    cell = {"lrs": "5 kOhm", "hrs": "20 kOhm", "levels": 4, "iv": {"model": "polynomial"}}
    one = array("passive", read_voltage="0.2 V", cell=cell)
    layer = made(one, 4, 2)
    tasks, cells, pulses = same_cells(layer)
    with pytest.raises(InputError, match=r"write\.scheme: layer 'fc', a sampled write: .*fitted"):
        sample_writes(tasks, cells + 1e-4, pulses, one, write_of("half"), np.random.default_rng(0))
    with pytest.raises(InputError, match=r"write\.scheme: layer 'fc', a sampled write: .*cells lie outside"):
        sample_writes(tasks, cells, pulses, one, write_of("half"), np.random.default_rng(0))


def written(layer: Made, write: Write, solver: Solver | None, rails: dict[float, float]) -> LayerProgramming:
    """What writing the layer takes."""
    return programming(layer.placement, layer.levels, layer.chip.array, write, 2, rails, 5, solver)[0]


def test_energy_of_group_pulses_by_hand() -> None:
    """2 arrays of 4 and 3 rows, 4 columns in groups of 3: 14 pulses of 50 ns and of 20 ns, cells at 0.8 of V^2 G."""
    layer = made(array("passive"), 7, 2)
    write = write_of("half", cells_at_once=3, reset={"voltage": "0.9 V", "pulse": "20 ns"})

    def solver(
        placed: PlacedLayer, conductance_s: torch.Tensor, pulses: torch.Tensor
    ) -> tuple[PulsePower, PulsePower | None]:
        assert (placed.name, conductance_s.shape, pulses.shape) == ("fc", (7, COLUMNS), (7, COLUMNS))
        return PulsePower(1e-3, 0.8e-3, 2e-3, 0.1e-3, 0.7), PulsePower(4e-3, 3.2e-3, 5e-3, 0.4e-3, 0.5)

    rails = {1.2: 1.8, 0.9: 1.35, 0.6: 0.9}
    found, closed = written(layer, write, solver, rails), written(layer, write, None, rails)
    assert (found.group_pulses, found.groups) == ((6, 8), (6, 8))
    set_s, reset_s = 14 * 50e-9, 14 * 20e-9
    assert found.cell_energy_j == near(0.8 * closed.cell_energy_j)
    assert found.half_select_j == near(2e-3 * set_s + 5e-3 * reset_s)
    assert found.wires_j == near(0.1 * closed.cell_energy_j)
    assert found.rail_loss_j == near(0.5 * (found.cell_energy_j + found.half_select_j + found.wires_j))
    assert found.disturb_v == 0.7


def test_every_replica_is_written() -> None:
    """Two replicas take twice the pulses and, at the same mean powers, twice the energy."""
    write = write_of("half")
    one, two = (made(array("layer_parallel"), 9, 2, f"mapping.replicas={copies}") for copies in (1, 2))
    rails = {1.2: 1.2, 0.6: 0.6}
    single, double = (
        written(each, write, write_solver(each.chip.array, write, 300.0, 3), rails) for each in (one, two)
    )
    assert sum(double.group_pulses) == 2 * sum(single.group_pulses)
    assert double.half_select_j == near(2 * single.half_select_j)
    assert single.half_select_j > 0


@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
def test_closed_form_and_solver_agree_without_wires(scheme: str) -> None:
    """Cells alike but for 1e-6, in whole groups: both ways give one energy and one disturb."""
    cell = {"lrs": "100 kOhm", "hrs": "100.0001 kOhm", "levels": 4}
    one = array("passive", wires=False, cell=cell)
    layer = made(one, 8, 2)
    write = write_of(scheme, cells_at_once=2, reset={"voltage": "0.9 V", "pulse": "20 ns"})
    rails = {1.2: 1.8, 0.9: 0.9, 0.6: 0.9}
    closed = written(layer, write, None, rails)
    solved = written(layer, write, write_solver(one, write, 300.0, 3), rails)
    for name in ("cell_energy_j", "half_select_j", "rail_loss_j", "disturb_v"):
        assert getattr(solved, name) == near(getattr(closed, name), rel=1e-5), name
    assert solved.wires_j == pytest.approx(0, abs=1e-9 * solved.cell_energy_j)


def test_isolated_cells_have_no_half_select() -> None:
    """Access transistors: nothing half-selected, no disturb, no wires; the solver is not asked."""
    layer = made(array("transistor"), 7, 2)

    def solver(
        placed: PlacedLayer, conductance_s: torch.Tensor, pulses: torch.Tensor
    ) -> tuple[PulsePower, PulsePower | None]:
        raise AssertionError(placed.name)

    found = written(layer, write_of("isolated"), solver, {1.2: 1.2, 0.6: 0.6})
    assert (found.half_select_j, found.wires_j, found.disturb_v) == (0, 0, 0)
    assert found.cell_energy_j > 0
    assert written(layer, write_of("isolated"), None, {1.2: 1.2, 0.6: 0.6}) == found


@pytest.mark.parametrize("scheme", ["half", "third", "ground"])
def test_unformed_cells_are_not_half_selected(scheme: str) -> None:
    """The same cells in an array with 5 empty rows and 12 empty columns: half-select energy stays as it is."""
    write = write_of(scheme, cells_at_once=2)
    small, large = array("passive", wires=False), array("passive", wires=False, rows=9, columns=COLUMNS + 12)
    rails = {1.2: 1.2, 0.6: 0.6}
    found = [written(made(one, 4, 2), write, None, rails).half_select_j for one in (small, large)]
    assert found[0] > 0
    assert found[1] == near(found[0])
