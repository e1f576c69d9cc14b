"""Fitted cards: they load alone, on a base and in a chip; what is wrong leaves no file."""

from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.chip.load import LoadedCard, load_card, load_chip
from pillarsim.arch.device import device_of
from pillarsim.arch.errors import InputError
from pillarsim.device.fit.card import Destination, card_text, check_destination, write_card
from pillarsim.device.fit.models import check_model, fit_table
from pillarsim.device.fit.result import Fit, Given
from pillarsim.device.fit.table import Table
from pillarsim.device.fit.text import quantity, quoted
from pillarsim.devices.current_voltage import PooleFrenkel, Sinh
from tests.device.measured import table_of
from tests.near import near

BASE = "hfox_planar"


def lognormal(folder: Path) -> tuple[Fit, Table]:
    random = np.random.default_rng(1)
    low, high = 10 * np.exp(0.1 * random.normal(size=100)), 200 * np.exp(0.5 * random.normal(size=100))
    table = table_of(folder, {"lrs (kOhm)": low, "hrs (kOhm)": high})
    return fit_table("lognormal", table, Given()), table


def sinh(folder: Path, stated_v: float | None = None) -> tuple[Fit, Table]:
    volts = np.linspace(0.1, 1, 20)
    wave = np.sinh(volts / 0.3) * (1 + 0.01 * np.cos(40 * volts))
    table = table_of(folder, {"voltage (V)": volts, "current (uA)": wave})
    return fit_table("sinh", table, Given(stated_v=stated_v)), table


def written(folder: Path, fit: Fit, table: Table, given: Given, base: str | Path | None = None) -> LoadedCard:
    card = None if base is None else load_card(base)
    to = Destination(folder / "mine.yaml", None if base is None else str(base), card, {"technology": 'a "b": c'})
    return write_card(card_text(fit, table, given, to), to.path)


def test_card_alone(tmp_path: Path) -> None:
    """Fitted states stand in the card to six digits, each with its source; the file is named, its folder is not."""
    fit, table = lognormal(tmp_path)
    loaded = written(tmp_path, fit, table, Given())
    assert loaded.card.lrs == near(fit.lrs_ohm, rel=1e-5)
    assert loaded.card.levels == 2
    assert loaded.card.technology == 'a "b": c'
    assert table.sha256 in loaded.card.reference
    source = loaded.source_of(("programming_error", "hrs"))
    assert source is not None
    assert source.startswith("fitted to data.csv, 100 points; standard error ")
    text = loaded.path.read_text("utf-8")
    assert str(tmp_path) not in text
    assert "lrs" in loaded.card.fit_range
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "mine.yaml"]


def test_card_in_a_chip(tmp_path: Path) -> None:
    """A chip reads the card by its path."""
    fit, table = lognormal(tmp_path)
    path = written(tmp_path, fit, table, Given()).path
    chip = load_chip("hfox_planar_128", (f"array.cell={path}", "weights.bits_per_cell=1")).chip
    assert chip.array.cell.hrs == near(fit.hrs_ohm, rel=1e-5)


def test_given_states_win(tmp_path: Path) -> None:
    """--lrs, --hrs and --levels stand in the card as given, with that as their source."""
    fit, table = lognormal(tmp_path)
    loaded = written(tmp_path, fit, table, Given(lrs_ohm=1e3, hrs_ohm=1e6, levels=4))
    assert (loaded.card.lrs, loaded.card.hrs, loaded.card.levels) == (1e3, 1e6, 4)
    assert loaded.source_of(("levels",)) == "given: --levels"


def test_states_that_nothing_says(tmp_path: Path) -> None:
    """A model of one curve asks for them; a base has them."""
    fit, table = sinh(tmp_path)
    with pytest.raises(
        InputError, match="sinh says nothing of lrs, hrs, levels: expected --lrs, --hrs, --levels or --base"
    ):
        written(tmp_path, fit, table, Given())
    loaded = written(tmp_path, fit, table, Given(), BASE)
    assert loaded.card.lrs == load_card(BASE).card.lrs
    assert loaded.card.programming_error == load_card(BASE).card.programming_error
    assert isinstance(device_of(loaded.card).law, Sinh)
    assert (loaded.card.author, loaded.card.year) == ("", None)


def test_base_keeps_the_voltage_of_its_states(tmp_path: Path) -> None:
    """lrs and hrs of a nonlinear base hold at its own voltage, whatever was measured."""
    fit, table = sinh(tmp_path)
    base = load_card("hfox_taox_selfselective").card
    assert written(tmp_path, fit, table, Given(), "hfox_taox_selfselective").card.iv.stated_at == base.iv.stated_at
    given = Given(stated_v=0.5)
    told = written(tmp_path, *sinh(tmp_path, 0.5), given, "hfox_taox_selfselective")
    assert told.card.iv.stated_at == 0.5


def test_another_law_replaces_the_base_s(tmp_path: Path) -> None:
    """Nothing of the base's sinh law stays beside a Poole-Frenkel law but the voltage of its states."""
    volts = np.linspace(0.05, 1, 20)
    current = PooleFrenkel(20.0, 10e-9).current_a(1e-6, volts, 300.0)
    table = table_of(tmp_path, {"voltage (V)": volts, "current (A)": current})
    given = Given(thickness_m=10e-9)
    loaded = written(tmp_path, fit_table("poole_frenkel", table, given), table, given, "hfox_taox_selfselective")
    assert (loaded.card.iv.voltage, loaded.card.iv.stated_at) == (None, 1.0)
    assert loaded.card.iv.permittivity == near(20.0, rel=1e-5)


def test_base_by_path_is_found_from_the_card(tmp_path: Path) -> None:
    """A base that is no shipped name is written relative to the card's folder."""
    fit, table = lognormal(tmp_path)
    base = written(tmp_path, fit, table, Given()).path
    (tmp_path / "below").mkdir()
    to = Destination(tmp_path / "below" / "next.yaml", str(base), load_card(base), {})
    of_sinh, data = sinh(tmp_path)
    loaded = write_card(card_text(of_sinh, data, Given(), to), to.path)
    assert 'extends: "../mine.yaml"' in to.path.read_text("utf-8")
    assert loaded.card.lrs == near(fit.lrs_ohm, rel=1e-5)


def test_another_error_replaces_the_base_s(tmp_path: Path) -> None:
    """Quantiles on a base with a log-normal error, and on one that is programmed by pulses."""
    random = np.random.default_rng(2)
    target = np.repeat([10.0, 20.0], 100)
    table = table_of(tmp_path, {"target (uS)": target, "G (uS)": target * np.exp(0.1 * random.normal(size=200))})
    fit = fit_table("quantiles", table, Given())
    for base in (BASE, "majumdar2021"):
        loaded = written(tmp_path, fit, table, Given(), base)
        assert loaded.card.quantiles is not None
        assert loaded.card.programming == "trials"


def test_card_that_would_not_load_leaves_nothing(tmp_path: Path) -> None:
    """The message names the card, not the file it was tried in; an older card stays as it was."""
    path = tmp_path / "mine.yaml"
    path.write_text("old", "utf-8")
    with pytest.raises(InputError, match=r"would not load: .*mine\.yaml:3: levels: expected") as caught:
        write_card("lrs: 1 kOhm\nhrs: 2 kOhm\nlevels: 1\n", path)
    assert "/.mine" not in str(caught.value)
    with pytest.raises(InputError, match="would make no device"):
        write_card(
            "lrs: 1 kOhm\nhrs: 2 kOhm\nlevels: 2\npulse_update: {model: soft_bounds, step_up: 1e-12, "
            "step_down: 0.1, bend_up: 1, bend_down: 1}\n",
            path,
        )
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_destination(tmp_path: Path) -> None:
    """Another ending, an existing file and a folder that is not there are refused before anything is fitted."""
    with pytest.raises(InputError, match=r"--out: expected a file name that ends in \.yaml"):
        check_destination(tmp_path / "card.txt", False)
    with pytest.raises(InputError, match="there is no folder"):
        check_destination(tmp_path / "no" / "card.yaml", False)
    (tmp_path / "card.yaml").touch()
    with pytest.raises(InputError, match=r"exists: expected another name, or --force"):
        check_destination(tmp_path / "card.yaml", False)
    check_destination(tmp_path / "card.yaml", True)


def test_model_names() -> None:
    """An unknown model is refused with the nearest name."""
    with pytest.raises(InputError, match=r"--model: expected one of .*did you mean 'lognormal'"):
        check_model("log_normal")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4.782321e-6, "S", "4.78232 uS"),
        (-9.107e-9, "S", "-9.107 nS"),
        (1e5, "Ohm", "100 kOhm"),
        (999999.9, "Ohm", "1 MOhm"),
        (0.0, "S", "0 S"),
        (86400.0, "s", "86400 s"),
        (0.13, "", "0.13"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    """Six digits, the prefix that people write."""
    assert quantity(value, unit) == text


def test_quoted_texts_are_one_line() -> None:
    """Quotes and line ends cannot leave the text."""
    assert quoted('a "b"\nc: d') == '"a \\"b\\" c: d"'
