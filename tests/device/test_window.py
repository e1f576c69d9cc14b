"""States beside data, and the options of a model."""

from dataclasses import replace

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.models import FITS
from pillarsim.device.fit.options import EVERY, OWN, check_options
from pillarsim.device.fit.result import Fit, Given, NotFitted
from pillarsim.device.fit.window import check_inside, with_states

RISE = np.linspace(1e-6, 9e-6, 100)


def test_window_holds_its_ends() -> None:
    """Data that reach the bounds are inside, data a little beyond are not."""
    check_inside([RISE, RISE[::-1]], 1e-6, 9e-6)
    with pytest.raises(NotFitted, match=r"reach 9 uS \(111.1 kOhm\).*expected --lrs of at most 111.1 kOhm"):
        check_inside([RISE], 1e-6, 8.99e-6)
    with pytest.raises(NotFitted, match=r"reach 1 uS \(1 MOhm\).*expected --hrs of at least 1 MOhm"):
        check_inside([RISE], 1.01e-6, 9e-6)


@pytest.mark.parametrize("seed", range(20))
def test_noise_about_a_bound_is_inside(seed: int) -> None:
    """White noise of 0.5 % of the window passes at the bounds; an excess of 6 % does not, whatever the noise."""
    noise = 0.04e-6 * np.random.default_rng(seed).normal(size=100)
    check_inside([RISE + noise], 1e-6, 9e-6)
    with pytest.raises(NotFitted):
        check_inside([RISE + 20 * noise + 0.06 * 8e-6], 1e-6, 9e-6 - 0.06 * 8e-6)


def fit_of(**changes: object) -> Fit:
    plain = Fit("power_law", 1, (), {}, {"conductance": (1e-6, 1e-4, "S")}, {}, (), lrs_ohm=1e4, hrs_ohm=1e6)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fit", "given", "said"),
    [
        (fit_of(), Given(), False),
        (fit_of(), Given(base_lrs_ohm=1e5, base_hrs_ohm=2e5), False),  # the fit's own states stand in the card
        (fit_of(lrs_ohm=None, hrs_ohm=None), Given(base_lrs_ohm=1e5, base_hrs_ohm=2e6), True),
        (fit_of(lrs_ohm=None, hrs_ohm=None), Given(base_lrs_ohm=1e3, base_hrs_ohm=2e6), False),
        (fit_of(), Given(hrs_ohm=1e5), True),
        (fit_of(), Given(lrs_ohm=1e3, hrs_ohm=1e7), False),
        (fit_of(ranges={"conductance": (0.1, 1.0, "a.u.")}), Given(lrs_ohm=1e5, hrs_ohm=2e6), False),
    ],
)
def test_data_beyond_the_card_s_states_are_said(fit: Fit, given: Given, said: bool) -> None:
    """Where the card's states are not those of the data and leave some outside."""
    assert bool(with_states(fit, given).assumed) is said


def test_options_of_models() -> None:
    """Every model has a fit; an option of another model is refused with what is taken."""
    assert set(OWN) <= set(FITS)
    for model in FITS:
        check_options(model, (*EVERY, *OWN.get(model, ())))
        others = {option for options in OWN.values() for option in options} - set(OWN.get(model, ()))
        for option in others:
            with pytest.raises(InputError, match=f"{option}: {model} does not take it: expected --lrs"):
                check_options(model, (option,))
