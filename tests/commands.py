"""All commands, loaded."""

import click

from thulium_frames.cli import cli

_CONTEXT = click.Context(cli)
_LOADED = {name: cli.get_command(_CONTEXT, name) for name in cli.list_commands(_CONTEXT)}
#: By their names.
COMMANDS = {name: command for name, command in _LOADED.items() if command is not None}
