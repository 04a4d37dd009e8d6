"""The commands of `crew`, in the order of its help; the module of one loads when it is called."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from typer.core import TyperCommand
from typer.main import get_group

from crew.cli.usage import Room, WordedGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("run", "Run a team in this folder and print its report."),
    "ps": ("runs", "List the runs of this folder, newest first."),
    "show": ("runs", "Show a run, or one session's transcript."),
    "logs": ("runs", "Print a run's events, or one session's transcript."),
    "watch": ("watch", "Open the observer on a run, live or over."),
    "wait": ("detach", "Wait until a run has ended."),
    "runner": ("detach", ""),  # which crew starts for itself
    "steer": ("control", "Say something to a session at work."),
    "pause": ("control", "Hold a run, or one session, at its next checkpoint."),
    "step": ("control", "Let a paused session do one turn."),
    "cancel": ("control", "Cancel a run, or one session."),
    "answer": ("answer", "List what a run asks permission for, or answer it."),
    "resume": ("resume", "Let a paused or an interrupted run go on."),
    "retry": ("resume", "Run again what did not complete in a run."),
    "fork": ("resume", "Go on from a point in a run, in a new one."),
    "agents": ("definitions", "List the agents, or show one."),
    "teams": ("definitions", "List the teams, or show one."),
    "workflows": ("definitions", "List the workflows, or show one."),
    "check": ("definitions", "Check all definitions and config.toml, or one file."),
    "new": ("definitions", "Write a new agent, team or workflow."),
    "prune": ("care", "List old runs, and with --yes delete them."),
    "doctor": ("care", "Examine this machine, or a run's folder."),
    "export": ("care", "Write a run into one archive, without secrets."),
    "import": ("care", "Unpack an exported run."),
    "trust": ("trust", "Show and trust what a folder's own teams may do."),
    "models": ("models", "List the language models that are set up."),
}
"""Name of each command to its module in this package, and its line in the help."""


class Commands(WordedGroup):
    """All commands by name and line; what a command takes is known once it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, line) in COMMANDS.items():
            if line:
                self.add_command(TyperCommand(name, help=line))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name, also one that no list and no suggestion names."""
        listed = super().get_command(ctx, cmd_name)
        return listed or (TyperCommand(cmd_name) if cmd_name in COMMANDS else None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, with its module loaded, and what is left of the arguments."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and _loaded(name or ""), rest


def _loaded(name: str) -> Any:
    module, _ = COMMANDS[name]
    room = Room(rich_markup_mode=None)
    import_module(f"crew.cli.{module}").register(room)
    return get_group(room).commands[name]
