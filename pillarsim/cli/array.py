"""`pillarsim array`: solve case files of planar and vertical arrays exactly, and check them with ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillarsim.cli.options import json_option

if TYPE_CHECKING:
    from pillarsim.devices.circuits.spice_check import Check

# what a case file may hold beside its spec: the states, and what the reference cases and `--out` store
_FILE_KEYS = frozenset(
    {"id", "spec", "states", "g", "results", "check", "ngspice", "selected_cells", "cell_voltage_last_run", "note"}
)
_LONGEST_ID = 200  # bytes; a file system allows 255 with the ending, and a temporary name beside it
_SHOWN = 60  # characters of an id in a message


@click.command("array")
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", help="Write DIR/<id>.json for each case.", metavar="DIR")
@click.option("--netlist", help="Write the circuit as SPICE ('-': standard output).", metavar="FILE.cir")
@click.option("--check", type=click.Choice(["ngspice"]), help="Solve with this program too, and compare.")
@json_option
def command(
    cases: tuple[Path, ...], out: str | None, netlist: str | None, check: str | None, json_file: str | None
) -> None:
    """Solve the circuit of each CASE, a YAML or JSON file.

    A case file holds `spec` with `states` or `g` in it or beside it, or the keys of the spec at its top level. Nothing
    is written before every case is solved.

    --netlist writes the circuit of one CASE. The two runs of a memory case (selected cells LRS, then HRS) differ in one
    .param line: both stand in the file, the second as a comment.

    --check ngspice prints each quantity by the solver and by ngspice. The exit status is 1 where one differs by more
    than 1e-6 of its largest entry, or where ngspice needed a fallback.

    With --json - nothing but JSON goes to standard output; with --netlist - the summary goes to standard error.
    """
    from pillarsim.report.files import make_folder, write_text
    from pillarsim.report.json import json_text

    read = [read_case(path) for path in cases]
    _refuse_outputs([case["id"] for case in read], out, netlist, json_file)
    if check is not None:
        _require_ngspice()
    solved, tables, failures = [], [], []
    for path, case in zip(cases, read, strict=True):
        solved.append({"id": case["id"], "spec": case["spec"], "results": solve_case(path, case)})
        table, failure = _checked(path, solved[-1], case) if check is not None else ("", None)
        tables.append(table)
        if failure is not None:
            failures.append(f"{path}: {failure}")
    texts = {} if out is None else {Path(out) / f"{case['id']}.json": json_text(case) for case in solved}
    if json_file is not None:
        texts[Path(json_file)] = json_text({"cases": solved})
    if netlist is not None:
        texts[Path(netlist)] = _netlist(cases[0], read[0])
    if out is not None:
        make_folder(Path(out))
    if json_file != "-":
        for case, table in zip(solved, tables, strict=True):
            click.echo(summary(case) + table, err=netlist == "-")
    for target, text in texts.items():
        if str(target) == "-":
            click.echo(text, nl=False)
        else:
            write_text(target, text)
    for message in failures:
        click.echo(f"error: {message}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def read_case(path: Path) -> dict[str, Any]:
    """Return `id`, `spec`, `states` and `g` of a case file; the id is the spec's, else the file's name.

    `states` and `g` stand in the spec or beside it. Raises InputError for a file that cannot be read, a `spec` that is
    no mapping, an unknown key, states or conductances in both places and an id that names no file.
    """
    from pillarsim.arch.errors import InputError
    from pillarsim.arch.reader import read_yaml
    from pillarsim.devices import CircuitError
    from pillarsim.devices.circuits.keys import STORED, check_keys, refuse_unknown

    document = read_yaml(path)
    nested = "spec" in document.data
    found = document.data["spec"] if nested else document.data
    if not isinstance(found, dict):
        raise InputError(f"{document.where(('spec',))}: spec: expected a mapping of keys, found {found!r}")
    stored = {key: found.get(key) for key in STORED}
    spec = {str(key): value for key, value in found.items() if key not in STORED}
    try:
        if nested:
            refuse_unknown({str(key): value for key, value in document.data.items()}, _FILE_KEYS)
        check_keys(spec)
    except CircuitError as error:
        raise InputError(f"{path}: {error}") from None
    for key in STORED if nested else ():
        beside = document.data.get(key)
        if beside is not None and stored[key] is not None:
            raise InputError(f"{document.where((key,))}: {key}: expected in the spec or beside it, found in both")
        stored[key] = stored[key] if beside is None else beside
    return {"id": _case_id(path, spec), "spec": spec, **stored}


def _case_id(path: Path, spec: dict[str, Any]) -> str:
    from pillarsim.arch.errors import InputError

    given = spec.get("id")
    name = path.stem if given is None else str(given)
    whole = Path(name).name == name and name not in ("", ".", "..")
    if not whole or not name.isprintable() or len(name.encode()) > _LONGEST_ID:
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        expected = f"a name that a file can have, of at most {_LONGEST_ID} bytes"
        raise InputError(f"{path}: id: expected {expected}, found {shown!r}")
    return name


def _refuse_outputs(names: list[str], out: str | None, netlist: str | None, json_file: str | None) -> None:
    """Raise InputError for an output that could not be written, before anything is solved."""
    from pillarsim.arch.errors import InputError
    from pillarsim.report.files import check_folder, check_writable

    for option, target in (("--out", out), ("--netlist", netlist), ("--json", json_file)):
        if target == "":
            raise InputError(f"{option}: expected the name of a {'folder' if option == '--out' else 'file'}, found ''")
    if netlist is not None and len(names) > 1:
        raise InputError(f"--netlist writes the circuit of one CASE, found {len(names)}")
    if netlist == json_file == "-":
        raise InputError("--netlist -, --json -: only one of the two can go to standard output")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two cases have the id {name!r}: their results would replace each other")
    files = [Path(target) for target in (netlist, json_file) if target not in (None, "-")]
    if out is not None:
        check_folder(Path(out))
        if Path(out).is_dir():
            files += [Path(out) / f"{name}.json" for name in names]
    for file in files:
        check_writable(file)


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
