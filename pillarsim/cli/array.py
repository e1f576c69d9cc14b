"""`pillarsim array`: solve case files of planar and vertical arrays exactly, and check them with ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillarsim.cli.options import json_option

if TYPE_CHECKING:
    from pillarsim.devices.circuits.spice_check import Check


@click.command("array")
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write DIR/<id>.json for each case.", metavar="DIR")
@click.option("--netlist", type=click.Path(path_type=Path), help="Write the circuit as SPICE.", metavar="FILE.cir")
@click.option("--check", type=click.Choice(["ngspice"]), help="Solve with this program too, and compare.")
@json_option
def command(
    cases: tuple[Path, ...], out: Path | None, netlist: Path | None, check: str | None, json_file: str | None
) -> None:
    """Solve the circuit of each CASE, a YAML or JSON file.

    A case file holds `spec` with `states` or `g` beside it, or the keys of the spec at its top level.

    --netlist writes the circuit of one CASE. The two runs of a memory case (selected cells LRS, then HRS) differ in one
    .param line: both stand in the file, the second as a comment.

    --check ngspice prints each quantity by the solver and by ngspice. The exit status is 1 where one differs by more
    than 1e-6 of its largest entry, or where ngspice needed a fallback.
    """
    from pillarsim.arch.errors import InputError
    from pillarsim.report.files import check_writable, write_text
    from pillarsim.report.json import json_text

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if netlist is not None:
        if len(cases) > 1:
            raise InputError(f"--netlist writes the circuit of one CASE, found {len(cases)}")
        check_writable(netlist)
    if check is not None:
        _require_ngspice()
    if out is not None:
        _make_folder(out)
    read = [read_case(path) for path in cases]
    names = [str(case["id"]) for case in read]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two cases have the id {name!r}: their results would replace each other")
    solved, failures = [], []
    for path, case in zip(cases, read, strict=True):
        solved.append({"id": case["id"], "spec": case["spec"], "results": solve_case(path, case)})
        if netlist is not None:
            write_text(netlist, _netlist(path, case))
        table, failure = _checked(path, solved[-1], case) if check is not None else ("", None)
        if out is not None:
            write_text(out / f"{case['id']}.json", json_text(solved[-1]))
        if json_file != "-":
            click.echo(summary(solved[-1]) + table)
        if failure is not None:
            failures.append(f"{path}: {failure}")
    if json_file is not None:
        text = json_text({"cases": solved})
        if json_file == "-":
            click.echo(text, nl=False)
        else:
            write_text(Path(json_file), text)
    for message in failures:
        click.echo(f"error: {message}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


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


def check_table(check: Check) -> str:
    """Return a table of a check, one line a quantity: its largest entry by both, the largest relative difference."""
    lines = [f"  {'quantity':22}{'solver':>23}{'ngspice':>23}{'difference':>12}"]
    for row in check.rows:
        mark = "" if row.agrees else "  differs"
        lines.append(f"  {row.quantity:22}{row.solver:23.14e}{row.ngspice:23.14e}{row.relative:12.1e}{mark}")
    lines += [f"  ngspice solved {run} with {limits.text}" for run, limits in check.tolerances.items()]
    return "\n".join(lines)


def check_object(check: Check) -> dict[str, Any]:
    """Return a check as plain data: the largest relative difference of each quantity."""
    from pillarsim.devices.circuits.spice_check import TOLERANCE

    return {
        "program": "ngspice",
        "tolerance": TOLERANCE,
        "agrees": check.agrees,
        "largest": check.largest,
        "relative_difference": {row.quantity: row.relative for row in check.rows},
        "options": {run: limits.text for run, limits in check.tolerances.items()},
    }


def _checked(path: Path, solved: dict[str, Any], case: dict[str, Any]) -> tuple[str, str | None]:
    """Add `check` to a solved case; return its table, and what is wrong."""
    from pillarsim.arch.errors import InputError
    from pillarsim.devices import CircuitError
    from pillarsim.devices.circuits.ngspice import NgspiceError
    from pillarsim.devices.circuits.spice_check import check_case

    try:
        check = check_case(case["spec"], case["states"], case["g"], results=solved["results"])
    except CircuitError as error:
        raise InputError(f"{path}: {error}") from None
    except NgspiceError as error:
        solved["check"] = {"program": "ngspice", "agrees": False, "error": str(error)}
        return "", str(error)
    solved["check"] = check_object(check)
    differing = [row.quantity for row in check.rows if not row.agrees]
    failure = f"ngspice differs in {', '.join(differing)}" if differing else None
    return f"\n{check_table(check)}", failure


def _require_ngspice() -> None:
    from pillarsim.arch.errors import InputError
    from pillarsim.devices.circuits.ngspice import NgspiceMissing, find_ngspice

    try:
        find_ngspice()
    except NgspiceMissing as error:
        raise InputError(f"--check ngspice: {error}") from None


def _netlist(path: Path, case: dict[str, Any]) -> str:
    from pillarsim.arch.errors import InputError
    from pillarsim.devices import CircuitError
    from pillarsim.devices.circuits.netlist import netlist

    try:
        return netlist({**case["spec"], "id": case["id"]}, case["states"], case["g"])
    except CircuitError as error:
        raise InputError(f"{path}: {error}") from None


def _make_folder(folder: Path) -> None:
    from pillarsim.arch.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror or error})") from None
