"""What `learning` asks of the rest of a chip: a cell whose pulses suit its rule, RESET, columns for a synapse."""

from __future__ import annotations

from collections.abc import Sequence

from pillarsim.arch.chip.array import Array
from pillarsim.arch.chip.learning import Learning
from pillarsim.arch.chip.operation import Write
from pillarsim.arch.presets import config_names, config_path
from pillarsim.arch.reader import read_yaml

__all__ = ["check_learning"]

TWO_WAY = ("soft_bounds", "linear_step", "neurosim", "stochastic_binary")
RAISING = ("pcm",)
WEAK_RESET = ("weak_reset",)


def check_learning(learning: Learning, array: Array, write: Write) -> None:
    """Raise ValueError, which starts with the key to change, for a chip that cannot learn as its section says."""
    _check_model(learning, array)
    if write.reset is None:
        raise ValueError("write.reset: expected {voltage: ..., pulse: ...} with `learning`: updates RESET devices too")
    if write.verify is None:
        for key, wanted in (("verify", learning.verify), ("refresh", learning.refresh is not None)):
            if wanted:
                raise ValueError(f"write.verify: expected with learning.{key}: it times and costs the reads")
    if learning.rule == "binary" and array.cell.disturb_voltage is not None and write.scheme != "isolated":
        raise ValueError(
            "array.cell.disturb_voltage: expected none with learning.rule 'binary' and write.scheme "
            f"'{write.scheme}': the weak RESET model has no part of a pulse that would move half-selected devices"
        )
    if array.columns < learning.devices_per_synapse:
        raise ValueError(
            f"learning.devices_per_synapse: expected at most {array.columns}, the columns of an array (array.columns): "
            f"a synapse sits in one row of one array; found {learning.devices_per_synapse}"
        )


def suitable_models(learning: Learning) -> tuple[str, ...]:
    """Pulse models of a card that the rule and the arrangement take."""
    if learning.rule == "binary":
        return WEAK_RESET
    return (*TWO_WAY, *RAISING) if learning.arrangement == "differential" else TWO_WAY


def _check_model(learning: Learning, array: Array) -> None:
    models, section = suitable_models(learning), array.cell.pulse_update
    if section is None:
        raise ValueError(
            "array.cell.pulse_update: missing: `learning` needs a device card that says what a pulse does; "
            f"shipped cards that suit: {', '.join(_cards(models))}"
        )
    found = section.model
    if found in models:
        return
    if learning.rule == "binary":
        raise ValueError(
            f"learning.rule: 'binary' counts weak RESET pulses and takes array.cell.pulse_update.model weak_reset, "
            f"found '{found}'; shipped cards that suit: {', '.join(_cards(models))}"
        )
    if found in RAISING:
        raise ValueError(
            f"learning.arrangement: expected 'differential' with array.cell.pulse_update.model '{found}', whose steps "
            "only raise the conductance, found 'single'"
        )
    reason = {
        "weak_reset": "its pulses only lower the conductance, as rule 'binary' takes them",
        "stanford_pku": "it integrates a gap's motion in time, too slow for the devices of a network",
    }.get(found, "training has no compiled step for it")
    raise ValueError(
        f"array.cell.pulse_update.model: expected {', '.join(models)} with learning.rule '{learning.rule}', "
        f"found '{found}': {reason}"
    )


def _cards(models: Sequence[str]) -> list[str]:
    """Shipped device cards whose pulse model is one of `models`."""
    found = []
    for name in config_names("device"):
        section = read_yaml(config_path("device", name)).data.get("pulse_update")
        if isinstance(section, dict) and section.get("model") in models:
            found.append(name)
    return found
