"""`crew steer`, `pause`, `step` and `cancel`: a word to a run of another process."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crew.cli.run import Folder
from crew.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from crew.commands import Command

Interrupt = Literal["immediate", "wait"]

Target = Annotated[
    str,
    typer.Argument(metavar="RUN[/SESSION]", help="A run's id, the head of it, or latest."),
]
_Session = Annotated[
    str, typer.Argument(metavar="RUN/SESSION", help="A session of a run: latest/code-review.")
]
_Text = Annotated[list[str], typer.Argument(metavar="TEXT", help="What to say.")]
_After = Annotated[
    bool, typer.Option("--after", help="Say it once the current work is done, not into it.")
]
_Wait = Annotated[bool, typer.Option("--wait", help="Let the running tool calls finish first.")]
_Hard = Annotated[bool, typer.Option("--hard", help="Also cut the model request in flight.")]
_Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("steer")(steer)
    for command in (pause, step, cancel):
        app.command()(command)


def steer(
    target: _Session,
    text: _Text,
    *,
    after: _After = False,
    wait: _Wait = False,
    folder: Folder = None,
) -> None:
    """Say something to a session at work; it is in its next model request.

    Exit codes: 0 accepted, 2 refused, with the reason.
    """
    from crew.commands import FollowUp, Steer

    words = " ".join(text).strip()
    if not words:
        raise UsageError("there is nothing to say", hint="crew steer RUN/SESSION TEXT")
    session = _named(target)
    if after:
        send(target, FollowUp(id=new_id(), session=session, text=words), folder)
    else:
        interrupt: Interrupt = "wait" if wait else "immediate"
        send(target, Steer(id=new_id(), session=session, text=words, interrupt=interrupt), folder)


def pause(target: Target, *, hard: _Hard = False, folder: Folder = None) -> None:
    """Hold a run, or one session, at its next checkpoint.

    Exit codes: 0 accepted, 2 refused, with the reason.
    """
    from crew.commands import Pause

    send(target, Pause(id=new_id(), session=_session(target), hard=hard), folder)


def step(target: _Session, *, folder: Folder = None) -> None:
    """Let a paused session do one turn.

    Exit codes: 0 accepted, 2 refused, with the reason.
    """
    from crew.commands import Step

    send(target, Step(id=new_id(), session=_named(target)), folder)


def cancel(target: Target, *, reason: _Reason = "", folder: Folder = None) -> None:
    """Cancel a run, or one session.

    Exit codes: 0 accepted, 2 refused, with the reason.
    """
    from crew.commands import Cancel

    send(target, Cancel(id=new_id(), session=_session(target), reason=reason), folder)


def send(target: str, command: "Command", folder: "Path | None") -> None:
    """Give a command to a run's process, and say that it was accepted.

    Raises:
        CommandError: It was refused.
    """
    import anyio

    from crew.cli.complaints import sole_error
    from crew.cli.runs import open_target
    from crew.view import command_words

    run, session = open_target(target, folder)
    try:
        receipt = anyio.run(run.control.send, command)
    except BaseExceptionGroup as group:
        raise sole_error(group) from group
    who = f"{run.id}/{session}" if session else run.id
    typer.echo(f"{who}  {command_words(command)}: accepted (event {receipt.seq})")


def _session(target: str) -> str | None:
    return target.partition("/")[2] or None


def _named(target: str) -> str:
    session = _session(target)
    if session is None:
        raise UsageError(
            f"{target}: no session is named", hint=f"write {target}/SESSION; see crew show {target}"
        )
    return session


def new_id() -> str:
    """An id for a command."""
    from uuid import uuid4

    return uuid4().hex
