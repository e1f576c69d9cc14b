"""The command line. Each command is a module of its own, loaded only when it runs.

Exit status: 0 done, 2 bad input or an output that cannot be written (one message on standard error), 1 anything else.
"""

from __future__ import annotations

import importlib
import sys

import click

from pillarsim.arch.errors import InputError, nearest

# command -> one line of help; the module pillarsim.cli.<command> exports `command`
COMMANDS = {
    "run": "Run a trained network on a chip: accuracy, latency, energy, leakage and area.",
    "train": "Train a network in a chip's devices: accuracy, time, energy and wear.",
    "map": "Show where a network sits on a chip: arrays, copies, times, traffic, floor plan.",
    "show": "Print a chip as a tree: area, leakage, peak power, every number with its source.",
    "check": "Validate a chip file.",
    "array": "Solve array circuits, planar or vertical, from case files.",
    "leakage": "Leakage, read margin and disturb of an array against layers, size, voltage and scheme.",
    "device": "List, show and sample device cards, and fit them to measurements.",
    "workload": "List and show networks, and fetch public datasets.",
    "reproduce": "Show a paper's claims beside what is simulated.",
    "init": "Write a commented starter chip file.",
    "schema": "Print the JSON Schema of chip files.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a user's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return a command."""
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"pillarsim.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise InputError(f"no command {args[0]!r}: expected {', '.join(COMMANDS)}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pillarsim", prog_name="pillarsim")
def cli() -> None:
    """Simulate neural networks on RRAM crossbar chips described in YAML."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    sys.exit(status(arguments))


def status(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status (for tests and for callers that must not exit)."""
    try:
        result = cli.main(args=arguments, prog_name="pillarsim", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        # CPython would exit by the signal, not with our status, after an interrupt that passed through exec() (as in
        # imports): running any text clears that.
        exec("")
        click.echo("interrupted: nothing was written", err=True)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        return 1
    except OSError as error:
        click.echo(f"error: output could not be written ({error.strerror or error})", err=True)
        return 2
