"""The command `altinn` as `airflow altinn`: the same subcommands, for those who look there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, Arg, CLICommand


def commands() -> list[CLICommand]:
    """Return the group for Airflow's command line, which asks for it at every start: nothing heavy is loaded."""
    from airflow.cli.cli_config import GroupCommand

    from altinn.cli import COMMANDS

    actions = tuple(_action(name, module) for name, module in sorted(COMMANDS.items()))
    return [GroupCommand(name="altinn", help="File periodic reports through Altinn 3", subcommands=actions)]


def _action(name: str, module_name: str) -> ActionCommand:
    from airflow.cli.cli_config import ActionCommand

    module = import_module(module_name)
    parser = argparse.ArgumentParser(add_help=False)
    module.add_arguments(parser)
    declared = parser._actions
    return ActionCommand(
        name=name,
        help=str(module.__doc__).splitlines()[0],
        func=_runner(module.run),
        args=tuple(_argument(action) for action in declared),
    )


def _argument(action: argparse.Action) -> Arg:
    """Say again, in Airflow's words, what a command module has told argparse."""
    from airflow.cli.cli_config import Arg

    made: Callable[..., Arg] = Arg
    flags = tuple(action.option_strings) or (action.dest,)
    said: dict[str, Any] = {"help": action.help}
    if action.option_strings:
        said["dest"] = action.dest
    if isinstance(action, argparse._StoreTrueAction):
        return made(flags, action="store_true", **said)
    if isinstance(action, argparse._AppendAction):
        said["action"] = "append"
    for name in ("type", "choices", "nargs", "metavar"):
        if getattr(action, name) is not None:
            said[name] = getattr(action, name)
    if action.option_strings:
        said |= {"required": action.required, "default": action.default}
    return made(flags, **said)


def _runner(run: Callable[[argparse.Namespace, Any], int]) -> Callable[[argparse.Namespace], None]:
    def command(parsed: argparse.Namespace) -> None:
        from altinn.commands.command import perform

        status = perform(run, parsed)
        if status:
            sys.exit(status)

    return command
