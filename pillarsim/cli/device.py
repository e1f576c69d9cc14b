"""`pillarsim device`: device cards listed, shown, sampled, and fitted to measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pillarsim.arch.errors import InputError, nearest
from pillarsim.cli.options import json_option, seed_option

plot_option = click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw a picture (.svg, .png, .pdf)."
)


class Commands(click.Group):
    """A group that refuses an unknown command with the nearest name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group`."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            names = ", ".join(self.commands)
            raise InputError(f"no command 'device {args[0]}': expected {names}{nearest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


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

    sheet = card_sheet(load_card(name))
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
    from pillarsim.report.picture import write_picture
    from pillarsim.report.provenance import versions

    _check_outputs(json_file, plot)
    loaded = load_card(name)
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
    if plot is not None and figure is not None:
        write_picture(figure, plot)
    _put(record, json_file, render_sample(record))


@command.command("fit")
@click.argument("data", metavar="DATA.csv", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="M", help="What is fitted, see above.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="CARD.yaml", help="The card to write.")
@click.option("--base", metavar="NAME", help="Card that the new one extends.")
@click.option("--lrs", metavar="R", help="Low-resistance state, such as '10 kOhm'.")
@click.option("--hrs", metavar="R", help="High-resistance state.")
@click.option("--levels", metavar="N", help="Levels of a cell.")
@click.option("--degree", default="1", show_default=True, metavar="N", help="Of level_error's polynomial.")
@click.option("--thickness", metavar="L", help="Of poole_frenkel's film, such as '5 nm'.")
@click.option("--temperature", metavar="T", help="Of the measurement, where no column says it.")
@click.option("--toward", default="hrs", show_default=True, metavar="STATE", help="End of arrhenius: hrs, lrs, middle.")
@click.option("--stated-at", metavar="V", help="Voltage at which lrs and hrs hold  [default: the largest measured].")
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
    degree: str,
    thickness: str | None,
    temperature: str | None,
    toward: str,
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

    The unit stands in the header, in () or []. A resistance may stand for a conductance; pulse models also take
    arbitrary units (a.u.), with --lrs and --hrs.
    """
    from pillarsim.arch.chip.load import load_card
    from pillarsim.device.asked import given_of, labels_of
    from pillarsim.device.fit.card import Destination, card_text, check_destination, write_card
    from pillarsim.device.fit.models import check_model, fit_table
    from pillarsim.device.fit.plot import draw_fit
    from pillarsim.device.fit.record import fit_record
    from pillarsim.device.fit.table import read_table
    from pillarsim.report.device import render_fit
    from pillarsim.report.picture import write_picture
    from pillarsim.report.provenance import versions

    check_model(model)
    check_destination(out, force)
    _check_outputs(json_file, plot)
    base_card = None if base is None else load_card(base)
    given = given_of(lrs, hrs, levels, degree, thickness, temperature, toward, stated_at)
    if base_card is not None:
        from dataclasses import replace

        given = replace(given, base_lrs_ohm=base_card.card.lrs, base_hrs_ohm=base_card.card.hrs)
    to = Destination(out, base, base_card, labels_of(labels))
    table = read_table(data)
    fit = fit_table(model, table, given)
    text = card_text(fit, table, given, to)
    record = fit_record(fit, table, out.name, versions())
    figure = draw_fit(fit, f"{model} fitted to {data.name}") if plot is not None else None
    write_card(text, out)
    if plot is not None and figure is not None:
        write_picture(figure, plot)
    _put(record, json_file, render_fit(record))


def _check_outputs(json_file: str | None, plot: Path | None) -> None:
    """Refuse files that could not be written, before anything is computed."""
    from pillarsim.report.files import check_writable
    from pillarsim.report.picture import check_picture

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if plot is not None:
        check_picture(plot)


def _put(record: dict[str, Any], json_file: str | None, text: str) -> None:
    """Write the JSON, or print it in place of the text."""
    from pillarsim.report.files import write_text
    from pillarsim.report.json import json_text

    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(record))
    click.echo(json_text(record) if json_file == "-" else text, nl=False)
