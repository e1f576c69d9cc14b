"""Reprogramming between the parts of a network, as lines of a run's report."""

from __future__ import annotations

from typing import Any

from pillarsim.report.format import engineering, plural

__all__ = ["reload_lines"]


def reload_lines(section: dict[str, Any] | None) -> list[tuple[str, str]]:
    """(name, text) of what reloading takes; none where the network is on the chip as a whole."""
    if section is None:
        return []
    parts = ", ".join(f"{part['first']} to {part['last']}" for part in section["parts"])
    batch = (
        f"{plural(section['images_a_batch'], 'image')} a batch of {engineering(section['batch_s'], 's')}    "
        f"programming takes {100 * section['programming_share']:.1f} % of the time and "
        f"{100 * section['programming_energy_share']:.1f} % of the energy"
    )
    lines = [("parts", f"{len(section['parts'])}, programmed in turn: {parts}"), ("reload", batch)]
    if section["endurance_cycles"] is not None:
        wear = (
            f"{section['batches_until_endurance']} batches, {section['images_until_endurance']} images, until a cell "
            f"has had {section['endurance_cycles']:.3g} cycles"
        )
        lines.append(("endurance", wear))
    return lines
