"""The models that `device fit` knows, by name."""

from __future__ import annotations

from collections.abc import Callable

from pillarsim.arch.errors import InputError, nearest
from pillarsim.device.fit.currents import fit_poole_frenkel, fit_sinh
from pillarsim.device.fit.distributions import fit_level_error, fit_lognormal, fit_quantiles
from pillarsim.device.fit.neurosim import fit_neurosim
from pillarsim.device.fit.result import Fit, Given, NotFitted
from pillarsim.device.fit.retention import fit_arrhenius, fit_power_law
from pillarsim.device.fit.steps import fit_linear_step, fit_soft_bounds
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.window import with_states

FITS: dict[str, Callable[[Table, Given], Fit]] = {
    "lognormal": fit_lognormal,
    "quantiles": fit_quantiles,
    "level_error": fit_level_error,
    "sinh": fit_sinh,
    "poole_frenkel": fit_poole_frenkel,
    "soft_bounds": fit_soft_bounds,
    "linear_step": fit_linear_step,
    "neurosim": fit_neurosim,
    "power_law": fit_power_law,
    "arrhenius": fit_arrhenius,
}


def check_model(name: str) -> None:
    """Refuse an unknown model with the nearest name."""
    if name not in FITS:
        raise InputError(f"--model: expected one of {', '.join(FITS)}; found {name!r}{nearest(name, FITS)}")


def fit_table(name: str, table: Table, given: Given) -> Fit:
    """Fit a model to a table; raises InputError that names file and model where there is no fit."""
    check_model(name)
    try:
        return with_states(FITS[name](table, given), given)
    except NotFitted as error:
        raise InputError(f"{table.name}: no fit of {name}: {error}") from None
