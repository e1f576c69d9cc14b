"""`pillarsim train`: a network learns on the chip; accuracy by epoch beside time, energy and wear."""

from __future__ import annotations

from pathlib import Path

import click

from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.learning_rules import RULES
from pillarsim.cli.options import cores, data_dir_option, json_option, seed_option, set_option, threads_option

DEFAULT_CHIP = "hfox_learning_128"
DEFAULT_WORKLOAD = "mnist-mlp"


@click.command()
@click.argument("chip", default=DEFAULT_CHIP)
@click.option(
    "--workload",
    default=DEFAULT_WORKLOAD,
    show_default=True,
    metavar="NAME|FILE",
    help="Network with a dataset; its weights are drawn anew.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True, help="Passes over the images.")
@click.option("--rule", metavar="R", help=f"learning.rule of the chip: {', '.join(RULES)}.")
@click.option(
    "--devices-per-synapse", metavar="N", help="learning.devices_per_synapse of the chip, both signs together."
)
@click.option("--train-samples", default="all", show_default=True, metavar="N|all", help="Training images.")
@click.option("--samples", metavar="N|all", help="Test images for the accuracy  [default: 1000, or all of fewer].")
@click.option(
    "--imperfections",
    default="all",
    show_default=True,
    metavar="LIST",
    help="The card's own (device sample), or none, all.",
)
@click.option("--learning-rate", type=float, metavar="X", help="Of the updates  [default: the rule's own].")
@click.option(
    "--learning-rate-decay",
    type=float,
    default=1.0,
    show_default=True,
    metavar="F",
    help="Rate of an epoch over that of the epoch before.",
)
@click.option("--batch", type=click.IntRange(min=1), metavar="B", help="Images a step  [default: the rule's own].")
@set_option
@seed_option
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Device seeds, each trained anew."
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the state there, at the end of each epoch and every 30 s.",
)
@click.option("--resume", is_flag=True, help="Go on from --checkpoint; where it holds nothing yet, begin.")
@json_option
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw accuracy and energy (.svg, .png, .pdf).",
)
@threads_option
@data_dir_option
def command(
    chip: str,
    workload: str,
    epochs: int,
    rule: str | None,
    devices_per_synapse: str | None,
    train_samples: str,
    samples: str | None,
    imperfections: str,
    learning_rate: float | None,
    learning_rate_decay: float,
    batch: int | None,
    sets: tuple[str, ...],
    seed: int,
    seeds: int,
    checkpoint: Path | None,
    resume: bool,
    json_file: str | None,
    plot_file: Path | None,
    threads: int | None,
    data_dir: Path | None,
) -> None:
    """Train a network in the devices of CHIP (a file or a preset's name; default hfox_learning_128) and print a report.

    Weights are conductances, written by update pulses; the report says what accuracy they reach, and the time, energy
    and wear that it takes.
    """
    from pillarsim.arch.chip.load import load_chip
    from pillarsim.report.files import check_folder, check_writable, write_text
    from pillarsim.report.json import json_text
    from pillarsim.report.picture import check_picture, write_picture
    from pillarsim.report.progress import progress_bar
    from pillarsim.report.training_terminal import render_training
    from pillarsim.training.job import train
    from pillarsim.training.options import TrainOptions
    from pillarsim.workloads.load import load_network

    if json_file not in (None, "-"):
        check_writable(Path(str(json_file)))
    if plot_file is not None:
        check_picture(plot_file)
    if checkpoint is not None:
        check_folder(checkpoint)
    options = TrainOptions(
        epochs=epochs,
        train_samples=None if train_samples == "all" else _count("--train-samples", train_samples),
        samples="all" if samples == "all" else None if samples is None else _count("--samples", samples),
        imperfections=imperfections,
        learning_rate=learning_rate,
        learning_rate_decay=learning_rate_decay,
        batch=batch,
        seed=seed,
        seeds=seeds,
        threads=threads or cores(),
        data_dir=data_dir,
        checkpoint=checkpoint,
        resume=resume,
    )
    loaded = load_chip(chip, (*sets, *_shortcuts(rule, devices_per_synapse)))
    network = load_network(workload, seed=seed, data_dir=data_dir)
    try:
        with progress_bar() as progress:
            report = train(loaded, network, options, progress)
    except KeyboardInterrupt:
        if checkpoint is not None:
            click.echo(f"{checkpoint}: --resume goes on from the last state there", err=True)
        raise
    if plot_file is not None:
        from pillarsim.report.training_plot import draw_training

        write_picture(draw_training(report), plot_file)
    if json_file not in (None, "-"):
        write_text(Path(str(json_file)), json_text(report))
    click.echo(json_text(report) if json_file == "-" else render_training(report), nl=False)


def _shortcuts(rule: str | None, devices: str | None) -> tuple[str, ...]:
    """The options that stand for keys of the chip file, as --set has them."""
    if rule is not None and rule not in RULES:
        raise InputError(f"--rule: no rule {rule!r}: expected {', '.join(RULES)}{nearest(rule, RULES)}")
    given = {"rule": rule, "devices_per_synapse": devices}
    return tuple(f"learning.{key}={value}" for key, value in given.items() if value is not None)


def _count(option: str, text: str) -> int:
    """A number of images."""
    if not text.isdecimal() or int(text) == 0:
        raise InputError(f"{option}: expected a whole number from 1, or 'all'; found {text!r}")
    return int(text)
