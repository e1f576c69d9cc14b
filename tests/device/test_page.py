"""The page on fits: its tables are read, its options and models are those of the program."""

import re
from pathlib import Path

import pytest

from pillarsim.arch.errors import InputError
from pillarsim.device.fit.columns import NAMES, ROLES
from pillarsim.device.fit.models import FITS, fit_table
from pillarsim.device.fit.options import OWN
from pillarsim.device.fit.result import Given
from pillarsim.device.fit.table import read_table

PAGE = (Path(__file__).parents[2] / "docs" / "device_fit.md").read_text("utf-8")
GIVEN = Given(lrs_ohm=1e4, hrs_ohm=1e6, levels=2, thickness_m=1e-8)
EXAMPLES = [
    (models, block)
    for part in PAGE.partition("## Columns by model")[2].partition("## How many points")[0].split("\n**")[1:]
    for models in [tuple(name for name in re.findall(r"`(\w+)`", part.partition(":")[0]) if name in FITS)]
    for block in re.findall(r"```csv\n(.*?)```", part, re.S)
]


@pytest.mark.parametrize(("models", "text"), EXAMPLES)
def test_examples_have_the_columns_of_their_models(tmp_path: Path, models: tuple[str, ...], text: str) -> None:
    """Each is read; a fit misses points, never a column."""
    path = tmp_path / "data.csv"
    path.write_text(text, "utf-8")
    table = read_table(path)
    assert table.unused == ()
    assert models
    for model in models:
        with pytest.raises(InputError, match=r"expected (more|at least)|leave|does not rise|rises"):
            fit_table(model, table, GIVEN)


def test_every_model_has_an_example() -> None:
    """None is left out."""
    assert {model for models, _ in EXAMPLES for model in models} == set(FITS)


def test_names_and_options_are_the_program_s() -> None:
    """Every name of a column is listed; options stand beside their models."""
    part = PAGE.partition("A column may have other names:")[2].partition("## Columns")[0]
    listed = set(re.findall(r"`([^`]+)`", part))
    assert set(ROLES) <= listed
    assert {name for name in listed if name != "a.u."} <= set(NAMES)
    rows = PAGE.partition("## Options")[2].splitlines()
    for model, options in OWN.items():
        for option in options:
            row = next(line for line in rows if line.startswith(f"| `{option} "))
            assert f"`{model}`" in row
