"""Many reads of one array at once are the reads one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.devices.circuits import CircuitError, ConvergenceError, batch, effective_matrix, solve
from pillarsim.devices.circuits.layout import cell_rows, cell_shape, read_layout, row_shape
from pillarsim.devices.circuits.reads import chord_conductances, linearised_matrix, pillar_currents, solve_reads
from tests.devices.circuits.builders import EXP, LINEAR, NO_WIRES, SINH, THRESHOLD, WORD_LINES, Spec, planar, vertical
from tests.near import near

Array = NDArray[np.float64]

ARRAYS: dict[str, Spec] = {"planar": planar(6, 4), "no wires": planar(4, 6, r_row=0.0, r_driver=0.0)} | {
    name: vertical(3, 5, 4, name, on_rows=[1, 4]) for name in WORD_LINES
}
CELLS: dict[str, Spec] = {
    "linear": {"cell": LINEAR},
    "ohmic": {"cell": LINEAR, "selector": {"model": "ohmic", "g": 2e-4}},
    "sinh": {"cell": SINH},
    "polynomial": {"cell": {"model": "polynomial"}},
    "linear exp": {"cell": LINEAR, "selector": EXP},
    "sinh threshold": {"cell": SINH, "selector": THRESHOLD},
}


def programmed(spec: Spec) -> Array:
    """Conductances that suit every cell law, in siemens."""
    high = 225e-6 if spec["cell"]["model"] in ("linear", "polynomial") else 2e-6
    low = 50e-6 if spec["cell"]["model"] == "polynomial" else high / 50
    found: Array = low * (high / low) ** np.random.default_rng(5).random(cell_shape(spec))
    return found


def inputs(spec: Spec, reads: int) -> Array:
    """Reads (reads, inputs) with a fifth of the inputs at 0 V, the rest of both signs; the last read is all 0 V."""
    top = 0.24 if spec["cell"]["model"] == "polynomial" else 0.45  # two inputs apart by more would leave the fit
    rng = np.random.default_rng(7)
    shape = (reads, int(np.prod(row_shape(spec))))
    found: Array = rng.uniform(-top, top, shape) * (rng.random(shape) > 0.2)
    found[-1] = 0.0
    return found


def switched(spec: Spec, reads: int) -> NDArray[np.bool_] | None:
    """Rows that are on, another set for most reads, one of them empty; none of a planar array."""
    if spec["geometry"] == "2d":
        return None
    found = np.random.default_rng(9).random((reads, spec["rows"])) < 0.5
    found[2] = found[0]
    found[1] = False
    return found


def one_by_one(spec: Spec, g: Array, v_in: Array) -> list[dict[str, Array]]:
    """The results of each read alone."""
    shape = row_shape(spec)
    return [solve(spec | {"v_in": volts.reshape(shape).tolist()}, g=g.tolist()) for volts in v_in]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("array", ARRAYS)
def test_reads_equal_single_solves(array: str, cell: str) -> None:
    """Column currents, input currents and power of each read are those of the array solved for it alone."""
    spec = ARRAYS[array] | CELLS[cell]
    g, v_in = programmed(spec), inputs(spec, 5)
    found = solve_reads(spec, g, v_in)
    for read, alone in enumerate(one_by_one(spec, g, v_in)):
        scale = np.abs(alone["i_col"]).max()
        np.testing.assert_allclose(found.i_col[read], alone["i_col"], rtol=0, atol=1e-9 * scale)
        assert found.dissipated_w[read] == pytest.approx(alone["power"], rel=1e-9, abs=1e-30)
        if "i_in" in alone:
            expected = np.ravel(alone["i_in"])
            np.testing.assert_allclose(found.i_in[read], expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("array", ARRAYS)
def test_power_is_dissipated_once(array: str, cell: str) -> None:
    """What the sources deliver is dissipated, read by read, also where the rows that are on differ."""
    spec = ARRAYS[array] | CELLS[cell]
    v_in = inputs(spec, 6)
    found = solve_reads(spec, programmed(spec), v_in, switched(spec, 6))
    np.testing.assert_allclose(found.dissipated_w, (v_in * found.i_in).sum(axis=1), rtol=1e-9, atol=1e-30)
    for part in (found.signal_w, found.sneak_w, found.wires_w):
        assert (part >= 0).all()
    assert found.dissipated_w[-1] == 0
    assert (found.wires_w[:-1] > 0).all()


@pytest.mark.parametrize("cell", ["linear", "sinh", "sinh threshold"])
@pytest.mark.parametrize("array", [name for name in ARRAYS if name in WORD_LINES])
def test_rows_that_differ_from_read_to_read(array: str, cell: str) -> None:
    """Each read is that of the array with its own rows on; no row on leaves what the open switches let through."""
    spec = ARRAYS[array] | CELLS[cell]
    g, v_in, on = programmed(spec), inputs(spec, 6), switched(spec, 6)
    assert on is not None
    found = solve_reads(spec, g, v_in.reshape(6, *row_shape(spec)), on)
    for read in (0, 2, 3, 4):
        alone = one_by_one(spec | {"on_rows": np.flatnonzero(on[read]).tolist()}, g, v_in[[read]])[0]
        np.testing.assert_allclose(found.i_col[read], alone["i_col"], rtol=0, atol=1e-9 * np.abs(alone["i_col"]).max())
    # Off pillars of one column share a switch's current: at most 0.45 V behind each of five switches of 1 Gohm.
    assert 0 < np.abs(found.i_col[1]).max() < 5 * 0.45 / 1e9


@pytest.mark.parametrize("array", ARRAYS)
def test_parts_of_the_power(array: str) -> None:
    """Signal and sneak are the cells' V x I, told apart by input and by row, from a dense solve of the whole array."""
    spec = ARRAYS[array] | {"cell": LINEAR}
    g, v_in, on = programmed(spec), inputs(spec, 4), switched(spec, 4)
    row, read = cell_rows(spec), 3
    v_in[read] = np.random.default_rng(1).choice([0.0, 0.3], v_in.shape[1])
    found = solve_reads(spec, g, v_in, on)
    rows = np.ones(spec["rows"], dtype=bool) if on is None else on[read]
    driven = v_in[read][row] != 0
    place = np.indices(row.shape)[0 if spec["geometry"] == "2d" else 1]
    power = dense_cell_power(spec, g, v_in[read], rows)
    assert found.signal_w[read] == near(power[driven & rows[place]].sum(), rel=1e-7)
    assert found.sneak_w[read] == near(power[~(driven & rows[place])].sum(), rel=1e-7)


def dense_cell_power(spec: Spec, g: Array, v_in: Array, rows: NDArray[np.bool_]) -> Array:
    """V x I of each cell (cell shape) by a dense nodal solve of the list of wires and cells."""
    layout = read_layout(spec, np.flatnonzero(rows).tolist())
    # A resistance of 0 ohm counts as 1 micro-ohm here: far below all others, and no merging of nodes is needed.
    ohm = np.concatenate(
        [layout.wire_ohm, np.full(len(v_in), spec["r_driver"]), np.full(spec["cols"], spec["r_sense"])]
    )
    sources = layout.node_count + np.arange(len(v_in) + spec["cols"])
    a = np.concatenate([layout.wire_a, sources, layout.cell_a])
    b = np.concatenate([layout.wire_b, layout.row_ends, layout.col_ends, layout.cell_b])
    siemens = np.concatenate([1 / np.maximum(ohm, 1e-6), g.ravel()])
    matrix = np.zeros((sources[-1] + 1,) * 2)
    np.add.at(matrix, (a, a), siemens)
    np.add.at(matrix, (b, b), siemens)
    np.add.at(matrix, (a, b), -siemens)
    np.add.at(matrix, (b, a), -siemens)
    held = np.concatenate([v_in, np.zeros(spec["cols"])])
    free = layout.node_count
    volts = np.concatenate([np.linalg.solve(matrix[:free, :free], -matrix[:free, free:] @ held), held])
    across = volts[layout.cell_a] - volts[layout.cell_b]
    power: Array = (g.ravel() * across**2).reshape(g.shape)
    return power


@pytest.mark.parametrize("array", ARRAYS)
def test_linear_reads_are_the_effective_matrix(array: str) -> None:
    """With linear cells the reads are the inputs times the array's matrix."""
    spec = ARRAYS[array] | {"cell": LINEAR}
    g, v_in = programmed(spec), inputs(spec, 40)
    expected = v_in @ effective_matrix(spec, g)
    np.testing.assert_allclose(solve_reads(spec, g, v_in).i_col, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_one_cell_by_hand() -> None:
    """One linear cell behind 500 ohm: 1 V drives 1/10500 A; the cell takes 10000/10500 of the power, wires the rest."""
    ohm = {"r_row": 100.0, "r_col": 200.0, "r_driver": 150.0, "r_sense": 50.0}
    found = solve_reads(planar(1, 1, **ohm), [[1e-4]], [[1.0], [-2.0]])
    current = 1 / 10500
    np.testing.assert_allclose(found.i_col, [[current], [-2 * current]], rtol=1e-14)
    np.testing.assert_allclose(found.i_in, found.i_col, rtol=1e-14)
    np.testing.assert_allclose(found.signal_w, [1e4 * current**2, 4e4 * current**2], rtol=1e-13)
    np.testing.assert_allclose(found.wires_w, [500 * current**2, 2000 * current**2], rtol=1e-13)
    np.testing.assert_array_equal(found.sneak_w, 0)


def test_sneak_of_an_undriven_row_by_hand() -> None:
    """Rows at 1 V and 0 V meet a column behind 10 kohm: the undriven cell takes V^2 G as sneak, no wire any."""
    spec = planar(2, 1, **{key: value for key, value in NO_WIRES.items() if key in ("r_row", "r_col", "r_driver")})
    found = solve_reads(spec | {"r_sense": 1e4}, [[1e-4], [1e-4]], [[1.0, 0.0]])
    # Three equal conductances meet at 1/3 V.
    assert found.i_col[0, 0] == near(1e-4 / 3, rel=1e-14)
    assert found.signal_w[0] == near(1e-4 * 4 / 9, rel=1e-13)
    assert found.sneak_w[0] == near(1e-4 / 9, rel=1e-13)
    assert found.wires_w[0] == near(1e-4 / 9, rel=1e-13)
    np.testing.assert_allclose(found.i_in, [[1e-4 * 2 / 3, -1e-4 / 3]], rtol=1e-13)


@pytest.mark.parametrize("r_on", [0.0, 2000.0])
def test_switches_of_0_ohm(r_on: float) -> None:
    """Closed switches of 0 ohm change which nodes are one; reads with other rows on are still right."""
    spec = vertical(2, 3, 2, "finger", r_on=r_on, cell=SINH)
    g, v_in = programmed(spec), inputs(spec, 3)
    on = np.array([[True, False, True], [False, True, False], [True, True, True]])
    found = solve_reads(spec, g, v_in, on)
    for read in (0, 1):
        alone = one_by_one(spec | {"on_rows": np.flatnonzero(on[read]).tolist()}, g, v_in[[read]])[0]
        np.testing.assert_allclose(found.i_col[read], alone["i_col"], rtol=1e-9)


@pytest.mark.parametrize("steps", [0, 1])
def test_reads_that_converge_slowly_are_solved_alone(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """With the common steps taken away every read is finished alone, to the same currents."""
    spec = ARRAYS["finger"] | CELLS["sinh threshold"]
    g, v_in = programmed(spec), inputs(spec, 4)
    expected = solve_reads(spec, g, v_in)
    monkeypatch.setattr(batch, "_STEPS", steps)
    found = solve_reads(spec, g, v_in)
    np.testing.assert_allclose(found.i_col, expected.i_col, rtol=0, atol=1e-12 * np.abs(expected.i_col).max())
    np.testing.assert_allclose(found.dissipated_w, expected.dissipated_w, rtol=1e-10)


def test_common_steps_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads never need to be solved alone, but for some where a selector's sharp threshold meets floating pillars."""
    monkeypatch.setattr(batch, "operating_point", None)
    for array in ARRAYS:
        for cell in set(CELLS) - {"sinh threshold"}:
            spec = ARRAYS[array] | CELLS[cell]
            assert np.isfinite(solve_reads(spec, programmed(spec), inputs(spec, 20)).i_col).all()


def test_no_convergence_names_the_read() -> None:
    """A read beyond double precision is named with its node and residual; its neighbours are not."""
    spec = planar(3, 2, cell=SINH | {"k": 1e4})
    v_in = np.zeros((20, 3))
    v_in[17] = 5.0
    with pytest.raises(ConvergenceError, match=r"^read 17: .* node .* miss balance by .* A"):
        solve_reads(spec, np.full((3, 2), 1e-6), v_in)


def test_a_voltage_outside_the_law_names_the_read() -> None:
    """The read whose cells leave the range of the polynomial is named."""
    spec = planar(3, 2, cell={"model": "polynomial"})
    with pytest.raises(CircuitError, match=r"^read 1: .*-0\.5 to 0\.5 V"):
        solve_reads(spec, np.full((3, 2), 1e-4), [[0.1, 0.2, 0.3], [0.1, 0.9, 0.1]])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("array", ARRAYS)
def test_linearised_matrix_is_exact_at_its_read(array: str, cell: str) -> None:
    """The array with its cells as chords carries the solved currents at the read it was linearised about."""
    spec = ARRAYS[array] | CELLS[cell]
    g, v_in, on = programmed(spec), inputs(spec, 4), switched(spec, 4)
    for read in (0, 2):
        rows = None if on is None else on[read]
        matrix = linearised_matrix(spec, g, v_in[read], rows)
        expected = solve_reads(spec, g, v_in[[read]], None if rows is None else rows[None]).i_col[0]
        np.testing.assert_allclose(v_in[read] @ matrix, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_chords_by_hand() -> None:
    """Without wires a chord is sinh(kV) G / kV, and G itself of a cell at 0 V."""
    spec = planar(3, 2, cell=SINH, **dict.fromkeys(("r_row", "r_col", "r_driver", "r_sense"), 0.0))
    chords = chord_conductances(spec, np.full((3, 2), 1e-6), [0.6, 0.0, -0.3])
    expected = 1e-6 * np.array([np.sinh(1.8) / 1.8, 1.0, np.sinh(0.9) / 0.9])
    np.testing.assert_allclose(chords, np.column_stack([expected, expected]), rtol=1e-14)


@pytest.mark.parametrize("array", [name for name in ARRAYS if name in WORD_LINES])
def test_pillar_currents_sum_to_the_bit_lines(array: str) -> None:
    """The pillars of a column carry its current together; one that is off carries what its switch lets through."""
    spec = ARRAYS[array] | CELLS["sinh"]
    g, v_in = programmed(spec), np.abs(inputs(spec, 2)[0])
    currents = pillar_currents(spec, g, v_in)
    assert currents.shape == (5, 4)
    np.testing.assert_allclose(currents.sum(axis=0), solve_reads(spec, g, v_in[None]).i_col[0], rtol=1e-9)
    # An open switch of 1 Gohm lets no more than 0.45 V / 1 Gohm through.
    assert np.abs(currents[[0, 2, 3]]).max() < 0.45e-9 < currents[[1, 4]].min()
    rows = np.array([False, False, True, False, False])
    other = pillar_currents(spec, g, v_in, rows)
    assert np.abs(np.delete(other, 2, axis=0)).max() < 0.45e-9 < other[2].min()


BAD: list[tuple[Spec, object, object, str]] = [
    (planar(2, 2), [0.1, 0.2], None, "v_in: expected at least one read of shape"),
    (planar(2, 2), np.zeros((0, 2)), None, "v_in: expected at least one read"),
    (planar(2, 2), [[0.1, 0.2, 0.3]], None, r"v_in: expected shape \(1, 2\), found \(1, 3\)"),
    (planar(2, 2), [[0.1, np.nan]], None, "v_in: expected finite numbers"),
    (planar(2, 2), [[0.1, 0.2]], [[True, True]], "on: a planar array has no pillar rows"),
    (vertical(1, 2, 2, "plane"), [[0.1]], [[1, 0]], "on: expected true and false"),
    (vertical(1, 2, 2, "plane"), [[0.1]], [[True]], r"on: expected true and false of shape \(1, 2\)"),
    (planar(2, 2, mode="memory"), [[0.1, 0.2]], None, "mode: reads of inputs need a compute case"),
]


@pytest.mark.parametrize(("spec", "v_in", "on", "message"), BAD)
def test_bad_reads_are_refused(spec: Spec, v_in: object, on: object, message: str) -> None:
    """Wrong shapes and kinds are named with what was expected."""
    with pytest.raises(CircuitError, match=message):
        solve_reads(spec, np.full(cell_shape(spec), 1e-5), v_in, on)


def test_pillars_of_a_planar_array_are_refused() -> None:
    """A planar array has none."""
    with pytest.raises(CircuitError, match="only a vertical array"):
        pillar_currents(planar(2, 2), np.full((2, 2), 1e-5), [0.1, 0.2])
