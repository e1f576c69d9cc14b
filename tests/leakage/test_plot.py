"""The picture of a study: a colour of its own for every combination, and their names."""

from typing import Any

import pytest

from pillarsim.leakage.plot import draw

pytest.importorskip("matplotlib")


def record(combinations: int, operation: str = "read") -> dict[str, Any]:
    """A study of five voltages, and of sizes as many as the combinations."""
    points = [
        {
            "layers": 2, "rows": size, "columns": 8, "voltage_v": 0.2 * step, "scheme": "half", "bits": 1 + size % 2,
            "nonlinearity": 2.0, "i_leak_a": 1e-6 * size, "i_sense_leak_a": 1e-7 * size, "read_margin": 0.5,
            "disturb_v": 0.1 * step, "leakage_per_bit_a": 1e-6 * size,
        }
        for size in range(1, combinations + 1)
        for step in range(1, combinations + 2)
    ]  # fmt: skip
    limits = {"leakage_a": 1e-4, "read_margin": 0.1, "disturb_v": None}
    array = {"word_lines": "plane", "operation": operation}
    return {"points": points, "array": array, "source": {"name": "x"}, "conclusions": {"thresholds": limits}}


@pytest.mark.parametrize("combinations", [1, 2, 10, 11, 13, 30, 31])
def test_colours_and_names(combinations: int) -> None:
    """No two combinations share a colour; up to 30 stand in a legend, of more the title gives the number."""
    figure = draw(record(combinations))
    margin = figure.axes[1].get_lines()[:combinations]
    assert len({str(line.get_color()) for line in margin}) == combinations
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    title = figure.get_suptitle()
    if combinations == 1:
        assert legends == []
    elif combinations <= 30:
        assert len(set(legends)) == len(legends) == combinations
        assert "combinations" not in title
    else:
        assert legends == []
        assert "31 combinations, dark to light from 1 x 8, 2 bits to 31 x 8, 2 bits" in title


def test_legend_lies_in_the_picture() -> None:
    """Thirty names in several columns stay inside the figure and below the panels."""
    figure = draw(record(30))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box, whole = legend.get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0 < box.x1 <= whole.x1
    assert whole.y0 <= box.y0 < box.y1 <= min(panel.get_window_extent().y0 for panel in figure.axes)
    assert min(panel.get_window_extent().height for panel in figure.axes) > 150


@pytest.mark.parametrize("operation", ["read", "write"])
def test_axis_names_the_operation(operation: str) -> None:
    """The voltage axis of a write says so."""
    assert draw(record(2, operation)).axes[0].get_xlabel() == f"{operation} voltage (V)"
