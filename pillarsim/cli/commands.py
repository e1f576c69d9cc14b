"""A group of commands that refuses an unknown one with the nearest name."""

from __future__ import annotations

import click

from pillarsim.arch.errors import InputError, nearest


class Commands(click.Group):
    """`pillarsim NAME COMMAND`; NAME is the group's own name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group`."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            names = ", ".join(self.commands)
            raise InputError(f"no command '{self.name} {args[0]}': expected {names}{nearest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)
