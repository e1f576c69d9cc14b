"""Networks as a person reads them: the list of the shipped ones, and one with its layers."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from pillarsim.report.format import engineering


def render_list(rows: list[dict[str, Any]]) -> str:
    """Return the shipped networks, one line each."""
    cells = [
        (
            row["name"],
            _shape(row["input"]),
            row["matrix_layers"],
            _count(row["weights"]),
            _count(row["macs"]),
            row["dataset"] or "none",
            "yes" if row["trained"] else "no",
            _accuracy(row),
        )
        for row in rows
    ]
    headers = ("name", "input", "matrix layers", "weights", "MACs", "dataset", "trained", "accuracy")
    notes = (
        "weights: of convolutions and fully connected layers, with biases; MACs: of these, for one input",
        "accuracy: of the float network, as stated with its weights; without training the weights are drawn",
    )
    return (
        "\n\n".join([tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True), "\n".join(notes)])
        + "\n"
    )


def render_sheet(data: dict[str, Any]) -> str:
    """Return a network with its layers."""
    title = data["name"] if not data["about"] else f"{data['name']}: {data['about']}"
    facts = (
        ("input", _shape(data["input"])),
        ("output", _shape(data["output"])),
        ("weights", f"{data['weights']:,}".replace(",", " ")),
        ("parameters", f"{data['parameters']:,} with norms and constants".replace(",", " ")),
        ("MACs", f"{data['macs']:,}".replace(",", " ")),
        ("dataset", data["dataset"] or "none"),
        ("trained", "yes" if data["trained"] else "no: drawn from the seed"),
        ("accuracy", _accuracy(data)),
        ("metric", data["metric"]),
    )
    before = "input"
    cells = []
    for row in data["layers"]:
        inputs = "" if row["inputs"] == [before] else ", ".join(row["inputs"])
        numbers = (_count(row[key]) if row[key] else "" for key in ("parameters", "macs"))
        cells.append((row["name"], row["kind"], inputs, _shape(row["shape"]), *numbers))
        before = row["name"]
    headers = ("layer", "kind", "inputs, if not the one before", "output", "parameters", "MACs")
    tables = (
        tabulate(facts, tablefmt="plain", disable_numparse=True),
        tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True),
    )
    return "\n\n".join([title, *tables]) + "\n"


def _shape(shape: list[int]) -> str:
    return " x ".join(str(size) for size in shape)


def _count(number: int) -> str:
    return str(number) if number < 1000 else engineering(number, "", 4)


def _accuracy(row: dict[str, Any]) -> str:
    return "not stated" if row["accuracy"] is None else f"{100 * row['accuracy']:.2f} %"
