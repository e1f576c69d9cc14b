"""`pillarsim device`: device cards listed, shown, sampled, and fitted to measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillarsim.arch.errors import InputError
from pillarsim.cli.commands import Commands
from pillarsim.cli.options import json_option, seed_option

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pillarsim.device.outputs import Output

plot_option = click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw a picture (.svg, .png, .pdf)."
)


@click.group("device", cls=Commands)
def command() -> None:
    """Device cards: list them, show one, sample its devices, fit one to measurements.

    NAME is a shipped card's name, or the path of a card.
    """


@command.command("list")
@json_option
def list_command(json_file: str | None) -> None:
    """List the shipped device cards, one line each."""
    from pillarsim.device.listing import listing
    from pillarsim.report.device import render_list

    _check_outputs({}, json_file)
    rows = listing()
    _put({"schema_version": 1, "cards": rows}, json_file, render_list(rows))


@command.command("show")
@click.argument("name", metavar="NAME")
@json_option
def show_command(name: str, json_file: str | None) -> None:
    """Show every key that the card NAME sets, with its source, its labels and its imperfections."""
    from pillarsim.arch.chip.load import load_card
    from pillarsim.device.sheet import card_sheet
    from pillarsim.report.device import render_sheet

    loaded = load_card(name)
    _check_outputs({"NAME": loaded.path}, json_file)
    sheet = card_sheet(loaded)
    _put(sheet, json_file, render_sheet(sheet))


@command.command("sample")
@click.argument("name", metavar="NAME")
@click.option(
    "--pulses", metavar="N", help="Fresh devices after N update pulses, RESET below 0  [default: programmed]."
)
@click.option("--after", metavar="N", help="Update pulses before those of --pulses.")
@click.option("--count", default="1000", show_default=True, metavar="N", help="Devices (a level).")
@click.option("--imperfections", default="all", show_default=True, metavar="LIST", help="The card's own, or none, all.")
@click.option("--level", metavar="K", help="Level in the JSON, 0: HRS  [default: the highest conductance].")
@click.option("--verify", metavar="S", help="Program by write-verify to within this conductance, such as '1 uS'.")
@click.option("--max-pulses", metavar="N", help="Pulse limit of --verify  [default: 20].")
@click.option("--time", "time", metavar="T", help="Age the devices, such as '1 month'.")
@click.option("--temperature", metavar="T", help="At which they are kept and read, such as '85 C'.")
@seed_option
@json_option
@plot_option
def sample_command(
    name: str,
    pulses: str | None,
    after: str | None,
    count: str,
    imperfections: str,
    level: str | None,
    verify: str | None,
    max_pulses: str | None,
    time: str | None,
    temperature: str | None,
    seed: int,
    json_file: str | None,
    plot: Path | None,
) -> None:
    """Draw devices of the card NAME and print the statistics of their resistance.

    With --pulses fresh devices get update pulses. Without, each level is programmed by one unverified pulse, or by
    write-verify; of a card that is programmed by pulses, fresh devices are drawn unless --verify is given.
    """
    from pillarsim.arch.chip.load import load_card
    from pillarsim.arch.device import device_of
    from pillarsim.device.asked import sampling_of
    from pillarsim.device.choices import check_level
    from pillarsim.device.plot import draw_levels, draw_pulsed
    from pillarsim.device.programmed import programmed
    from pillarsim.device.pulsed import bands, pulsed
    from pillarsim.device.record import programmed_record, pulsed_record
    from pillarsim.report.device import render_sample
    from pillarsim.report.provenance import versions

    loaded = load_card(name)
    _check_outputs({"NAME": loaded.path}, json_file, plot)
    try:
        device = device_of(loaded.card)
        sampling = sampling_of(
            device, loaded.name, pulses, after, count, imperfections, level, verify, max_pulses, time, temperature, seed
        )
        if sampling.pulses is None:
            levels = programmed(device, sampling)
            record = programmed_record(loaded.name, sampling, levels, check_level(device, sampling.level), versions())
            figure = draw_levels(record, levels) if plot is not None else None
        else:
            ohm = pulsed(device, sampling)
            record = pulsed_record(loaded.name, sampling, ohm, versions())
            figure = draw_pulsed(record, ohm, bands(device, sampling)) if plot is not None else None
    except ValueError as error:
        raise InputError(f"{loaded.name}: {error}") from None
    _put(record, json_file, render_sample(record), _picture(figure, plot))


@command.command("fit")
@click.argument("data", metavar="DATA.csv", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="M", help="What is fitted, see above.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="CARD.yaml", help="The card to write.")
@click.option("--base", metavar="NAME", help="Card that the new one extends.")
@click.option("--lrs", metavar="R", help="Low-resistance state, such as '10 kOhm'.")
@click.option("--hrs", metavar="R", help="High-resistance state.")
@click.option("--levels", metavar="N", help="Levels of a cell, 2 to 256.")
@click.option("--degree", metavar="N", help="Of level_error's polynomial  [default: 1].")
@click.option("--thickness", metavar="L", help="Of poole_frenkel's film, such as '5 nm'.")
@click.option("--temperature", metavar="T", help="Of poole_frenkel, power_law, where no column says it.")
@click.option("--toward", metavar="STATE", help="End of arrhenius: hrs, lrs, middle  [default: hrs].")
@click.option(
    "--stated-at", metavar="V", help="Of sinh, poole_frenkel: where lrs and hrs hold  [default: largest measured]."
)
@click.option("--label", "labels", multiple=True, metavar="KEY=TEXT", help="technology, author, year, reference, ...")
@click.option("--force", is_flag=True, help="Replace CARD.yaml.")
@json_option
@plot_option
def fit_command(
    data: Path,
    model: str,
    out: Path,
    base: str | None,
    lrs: str | None,
    hrs: str | None,
    levels: str | None,
    degree: str | None,
    thickness: str | None,
    temperature: str | None,
    toward: str | None,
    stated_at: str | None,
    labels: tuple[str, ...],
    force: bool,
    json_file: str | None,
    plot: Path | None,
) -> None:
    """Fit a device model to measurements and write a card that loads, or nothing.

    \b
    Models, with the columns that DATA.csv needs (those in brackets may lack):
      lognormal      lrs (Ohm), hrs (Ohm), [device, cycle]
      quantiles      target (uS), conductance (uS)
      level_error    target (uS), conductance (uS)
      sinh           voltage (V), current (A), [curve]
      poole_frenkel  voltage (V), current (A), [curve, temperature (K)]
      soft_bounds    potentiation (uS), depression (uS), [pulse]
      linear_step      or conductance (uS), direction (1 or -1)
      neurosim
      power_law      time (s), conductance (uS), [device]
      arrhenius      time (s), temperature (C), conductance (uS), [device]

    The unit stands in the header, in () or []. For a conductance a resistance may stand: target (kOhm),
    resistance (kOhm). Pulse models (soft_bounds, linear_step, neurosim) also take arbitrary units (a.u.).

    \b
    What the data do not say, to be given or taken from --base:
      nothing        lognormal, quantiles, level_error
      --levels       pulse models; sinh, poole_frenkel with several curves;
                     power_law of cells with several conductances
      --lrs, --hrs,  arrhenius; pulse models in a.u.; sinh, poole_frenkel with
      --levels       one curve; power_law of cells with one conductance
    """
    from pillarsim.arch.chip.load import load_card
    from pillarsim.device.asked import given_of, labels_of
    from pillarsim.device.fit.card import Destination, card_text, check_card, check_destination
    from pillarsim.device.fit.models import check_model, fit_table
    from pillarsim.device.fit.options import check_options, check_temperature
    from pillarsim.device.fit.plot import draw_fit
    from pillarsim.device.fit.record import fit_record
    from pillarsim.device.fit.table import read_table
    from pillarsim.device.outputs import Output
    from pillarsim.report.device import render_fit
    from pillarsim.report.files import write_text
    from pillarsim.report.provenance import versions

    check_model(model)
    own = {
        "--degree": degree,
        "--thickness": thickness,
        "--temperature": temperature,
        "--toward": toward,
        "--stated-at": stated_at,
    }
    options = tuple(option for option, value in own.items() if value is not None)
    check_options(model, options)
    base_card = None if base is None else load_card(base)
    inputs = {"DATA.csv": data, "--base": None if base_card is None else base_card.path}
    _check_outputs(inputs, json_file, plot, out)
    check_destination(out, force)
    given = given_of(lrs, hrs, levels, degree, thickness, temperature, toward, stated_at)
    if base_card is not None:
        from dataclasses import replace

        given = replace(given, base_lrs_ohm=base_card.card.lrs, base_hrs_ohm=base_card.card.hrs)
    to = Destination(out, base, base_card, labels_of(labels))
    table = read_table(data)
    check_temperature(table, options)
    fit = fit_table(model, table, given)
    text = card_text(fit, table, given, to)
    record = fit_record(fit, table, out.name, versions())
    figure = draw_fit(fit, f"{model} fitted to {data.name}") if plot is not None else None
    check_card(text, out)
    card = Output(out, lambda: write_text(out, text))
    _put(record, json_file, render_fit(record), [*_picture(figure, plot), card])


def _check_outputs(
    inputs: dict[str, Path | None], json_file: str | None, plot: Path | None = None, out: Path | None = None
) -> None:
    """Refuse one file for two uses, and files that could not be written, before anything is computed."""
    from pillarsim.device.outputs import check_apart, check_output
    from pillarsim.report.picture import check_picture

    json_path = _path(json_file)
    check_apart(inputs, {"--out": out, "--json": json_path, "--plot": plot})
    if json_path is not None:
        check_output("--json", json_path)
    if plot is not None:
        check_output("--plot", plot, check_picture)


def _path(json_file: str | None) -> Path | None:
    return None if json_file is None or json_file == "-" else Path(json_file)


def _picture(figure: Figure | None, plot: Path | None) -> list[Output]:
    """The picture as a file to be written, if there is one."""
    from pillarsim.device.outputs import Output
    from pillarsim.report.picture import write_picture

    return [] if figure is None or plot is None else [Output(plot, lambda: write_picture(figure, plot))]


def _put(record: dict[str, Any], json_file: str | None, text: str, others: Sequence[Output] = ()) -> None:
    """Write the JSON and the other files and print the text, or the JSON in its place: all of it or nothing."""
    from pillarsim.device.outputs import Output, all_or_none
    from pillarsim.report.files import write_text
    from pillarsim.report.json import json_text

    content, path = json_text(record), _path(json_file)
    first = [] if path is None else [Output(path, lambda: write_text(path, content))]
    with all_or_none([*first, *others]):
        click.echo(content if json_file == "-" else text, nl=False)
