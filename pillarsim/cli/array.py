"""`pillarsim array`: solve case files of planar and vertical arrays exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pillarsim.cli.options import json_option


@click.command("array")
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write DIR/<id>.json for each case.", metavar="DIR")
@json_option
def command(cases: tuple[Path, ...], out: Path | None, json_file: str | None) -> None:
    """Solve the circuit of each CASE, a YAML or JSON file.

    A case file holds `spec` with `states` or `g` beside it, or the keys of the spec at its top level.
    """
    from pillarsim.arch.errors import InputError
    from pillarsim.report.files import check_writable, write_text
    from pillarsim.report.json import json_text

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if out is not None:
        _make_folder(out)
    read = [read_case(path) for path in cases]
    names = [str(case["id"]) for case in read]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two cases have the id {name!r}: their results would replace each other")
    solved = []
    for path, case in zip(cases, read, strict=True):
        solved.append({"id": case["id"], "spec": case["spec"], "results": solve_case(path, case)})
        if out is not None:
            write_text(out / f"{case['id']}.json", json_text(solved[-1]))
        if json_file != "-":
            click.echo(summary(solved[-1]))
    if json_file is not None:
        text = json_text({"cases": solved})
        if json_file == "-":
            click.echo(text, nl=False)
        else:
            write_text(Path(json_file), text)


def read_case(path: Path) -> dict[str, Any]:
    """Return `id`, `spec`, `states` and `g` of a case file; the id is the spec's, else the file's name.

    Raises InputError for a file that cannot be read, a `spec` that is no mapping and an id that names no file.
    """
    from pillarsim.arch.errors import InputError
    from pillarsim.arch.reader import read_yaml

    document = read_yaml(path)
    spec = document.data.get("spec", document.data)
    if not isinstance(spec, dict):
        raise InputError(f"{document.where(('spec',))}: spec: expected a mapping of keys, found {spec!r}")
    spec = {str(key): value for key, value in spec.items() if key not in ("states", "g")}
    name = str(spec.get("id", path.stem))
    if not name or Path(name).name != name:
        raise InputError(f"{path}: id: expected a name that a file can have, found {name!r}")
    return {"id": name, "spec": spec, "states": document.data.get("states"), "g": document.data.get("g")}


def solve_case(path: Path, case: dict[str, Any]) -> dict[str, Any]:
    """Return the results of what `read_case` read; raises InputError that names the file."""
    from pillarsim.arch.errors import InputError
    from pillarsim.devices import CircuitError, solve

    try:
        return solve(case["spec"], states=case["states"], g=case["g"])
    except CircuitError as error:
        raise InputError(f"{path}: {error}") from None


def summary(case: dict[str, Any]) -> str:
    """Return one line on a solved case."""
    from pillarsim.report.format import engineering

    spec, results = case["spec"], case["results"]
    sides = [str(spec[key]) for key in ("layers", "rows", "cols") if key in spec]
    head = f"{case['id']}: {spec['mode']} {' x '.join(sides)}"
    if spec["mode"] == "memory":
        lrs, hrs, margin = results["sel_lrs"], results["sel_hrs"], results["margin"]["rm_i"]
        return (
            f"{head}, {spec['scheme']}: sense {engineering(lrs['i_sense'], 'A')} LRS, "
            f"{engineering(hrs['i_sense'], 'A')} HRS, margin {'not defined' if margin is None else f'{margin:.1%}'}, "
            f"leakage {engineering(lrs['i_leak'], 'A')}, power {engineering(lrs['power'], 'W')}"
        )
    drop = results["ir_drop_max"]
    return (
        f"{head}: column sum {engineering(results['i_col_sum'], 'A')}, power {engineering(results['power'], 'W')}, "
        f"largest drop {'not defined' if drop is None else f'{drop:.2%}'}"
    )


def _make_folder(folder: Path) -> None:
    from pillarsim.arch.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror or error})") from None
