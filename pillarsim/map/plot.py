"""The floor plan of a map: every tile with what its arrays hold, coloured along the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pillarsim.report.format import engineering, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 120  # tiles of a panel that all carry names; of more only the one with most arrays of each layer does
_PANELS = 6  # parts that are drawn; the title says how many there are
_WIDTH = 9.0  # inches of a panel
_DARK = 0.5  # of the colour map: letters below are white
_LARGEST = 6.5  # points, letters of names


def draw(record: dict[str, Any]) -> Figure:
    """Return the picture: a panel for each part, tiles as squares split by the layers in them. Needs matplotlib."""
    from matplotlib.figure import Figure

    shown = record["floor"][:_PANELS]
    boxes = [_extent(record, [tile for tiles in shown for tile in tiles])] * len(shown)
    columns = 1 if len(shown) == 1 else 2
    rows = -(-len(shown) // columns)
    height = max(_WIDTH * down / max(across, 4) for across, down in boxes)
    figure = Figure(figsize=(_WIDTH * columns, min(height, 14.0) * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    names = [layer["name"] for layer in record["layers"]]
    for panel in panels.flat:
        panel.set_axis_off()
    for number, (tiles, box) in enumerate(zip(shown, boxes, strict=True)):
        panel = panels[number // columns][number % columns]
        _panel(panel, tiles, box, names)
        if len(record["floor"]) > 1:
            part = record["parts"][number]
            panel.set_title(f"part {number + 1}: {part['first']} to {part['last']}", fontsize="small")
    figure.suptitle(_title(record), fontsize="medium")
    return figure


def _title(record: dict[str, Any]) -> str:
    arrays, tiles, slowest = record["arrays"], record["tiles"], record["bottleneck"]
    time = engineering(slowest["time_per_image_s"], "s")
    text = (
        f"{record['workload']['name']} on {record['chip']['name']}: {arrays['most_at_once']} of "
        f"{plural(arrays['available'], 'array')}, {tiles['used']} of {plural(tiles['available'], 'tile')}; "
        f"bottleneck {slowest['what']} of {slowest['layers'][0]}, {time} an image"
    )
    hidden = len(record["floor"]) - _PANELS
    return text if hidden <= 0 else f"{text}\nthe first {_PANELS} of {len(record['floor'])} parts"


def _extent(record: dict[str, Any], tiles: list[dict[str, Any]]) -> tuple[int, int]:
    """(across, down) of the corner of the grid that is drawn: what is in use, and a free row and column beside it."""
    across = max((tile["x"] for tile in tiles), default=0) + 2
    down = max((tile["y"] for tile in tiles), default=0) + 2
    return min(across, record["grid"]["x"]), min(down, record["grid"]["y"])


def _panel(panel: Axes, tiles: list[dict[str, Any]], box: tuple[int, int], names: list[str]) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    across, down = box
    panel.set_xlim(-0.1, across)
    panel.set_ylim(down, -0.1)
    panel.set_aspect("equal")
    size = min(_LARGEST, 60.0 / across)
    named = _named(tiles)
    for x in range(across):
        for y in range(down):
            panel.add_patch(Rectangle((x, y), 0.9, 0.9, facecolor="0.95", edgecolor="0.8", linewidth=0.4))
    for tile in tiles:
        left, total, place = float(tile["x"]), sum(tile["layers"].values()), 1.0
        for name, arrays in tile["layers"].items():
            width = 0.9 * arrays / total
            place = names.index(name) / max(1, len(names) - 1)
            color = colormaps["viridis"](place)
            panel.add_patch(Rectangle((left, tile["y"]), width, 0.9, facecolor=color, edgecolor="white", linewidth=0.3))
            left += width
        lines = [name for name in tile["layers"] if (name, tile["tile"]) in named]
        lines += [f"({name})" for name in tile["operators"]]
        if lines:
            text = "\n".join(lines[:5]) + ("\n..." if len(lines) > 5 else "")
            ink = "white" if place < _DARK else "black"
            panel.text(tile["x"] + 0.45, tile["y"] + 0.45, text, fontsize=size, ha="center", va="center", color=ink)


def _named(tiles: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """(layer, tile) of the names that are written."""
    if len(tiles) <= _NAMED:
        return {(name, tile["tile"]) for tile in tiles for name in tile["layers"]}
    most: dict[str, tuple[int, int]] = {}
    for tile in tiles:
        for name, arrays in tile["layers"].items():
            if arrays > most.get(name, (0, 0))[0]:
                most[name] = arrays, tile["tile"]
    return {(name, tile) for name, (_, tile) in most.items()}
