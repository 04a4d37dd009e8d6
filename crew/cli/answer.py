"""`crew answer`: a word on what the sessions of a run ask permission for.

`--json` without a word prints an array of the open requests, oldest first:

    {"request", "session", "tool", "preview", "args", "change": {"path", "exists", "diff"}}

`change` is what the call would do to a file; null where it is about none.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crew.cli.control import new_id, send
from crew.cli.run import Folder
from crew.errors import NoSuchRequestError, UsageError

if TYPE_CHECKING:
    from crew.records import JsonObject
    from crew.view import PermissionView

Decision = Literal["allow", "allow_session", "deny"]

_SHOWN = 12
"""Lines of what would be done that the list shows of each request."""

_WIDE = 160

_Target = Annotated[
    str,
    typer.Argument(metavar="RUN[/SESSION]", help="A run's id, the head of it, or latest."),
]
_Request = Annotated[
    str | None,
    typer.Argument(
        metavar="REQUEST", help="Which one; needed where there are several.", show_default=False
    ),
]
_Allow = Annotated[bool, typer.Option("--allow", help="Let this one call run.")]
_AllowSession = Annotated[
    bool, typer.Option("--allow-session", help="Let this and later calls of the tool run.")
]
_Deny = Annotated[bool, typer.Option("--deny", help="Don't let it run.")]
_Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; the session reads it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add `answer`."""
    app.command("answer")(answer)


def answer(
    target: _Target = "latest",
    request: _Request = None,
    *,
    allow: _Allow = False,
    allow_session: _AllowSession = False,
    deny: _Deny = False,
    reason: _Reason = "",
    json: _Json = False,
    folder: Folder = None,
) -> None:
    """List what a run asks permission for, or answer it.

    Exit codes: 0 listed or accepted, 2 refused, with the reason.
    """
    from crew.cli.runs import open_target
    from crew.commands import Answer
    from crew.view import replay

    run, session = open_target(target, folder)
    asks = replay(run.events()).asks if run.summary.live else ()
    asks = tuple(ask for ask in asks if not session or ask.session == session)
    words: dict[Decision, bool] = {"allow": allow, "allow_session": allow_session, "deny": deny}
    chosen = [word for word, said in words.items() if said]
    if len(chosen) > 1:
        raise UsageError(
            "--allow, --allow-session and --deny exclude each other", hint="use one of them"
        )
    if not chosen:
        if request is not None or reason:
            raise UsageError(
                "the word is missing", hint="add --allow, --allow-session or --deny to answer"
            )
        _list(run.id, asks, json=json)
        return
    meant = request if request is not None else _only(run.id, asks)
    word = Answer(id=new_id(), request=meant, decision=chosen[0], reason=reason)
    send(f"{run.id}/{session}" if session else run.id, word, folder)


def _only(run: str, asks: "Sequence[PermissionView]") -> str:
    """The request that is meant where none is named."""
    if not asks:
        raise NoSuchRequestError(f"run {run} asks for nothing now", hint=f"see crew show {run}")
    if len(asks) > 1:
        names = ", ".join(ask.request for ask in asks)
        raise UsageError(f"several requests are open: {names}", hint=f"see crew answer {run}")
    return asks[0].request


def _excerpt(ask: "PermissionView") -> "list[str]":
    """The beginning and the end of what would be done."""
    from crew.view import ask_parts

    lines = [line for part in ask_parts(ask) for line in part.text.split("\n")]
    if len(lines) > _SHOWN:
        cut = len(lines) - _SHOWN + 1
        lines[_SHOWN - 4 : -3] = [f"… {cut} more lines; --json has them"]
    return [line.expandtabs(4)[:_WIDE] for line in lines]


def _document(ask: "PermissionView") -> "JsonObject":
    said = {key: getattr(ask, key) for key in ("request", "session", "tool", "preview", "args")}
    return {**said, "change": ask.change.model_dump() if ask.change is not None else None}


def _list(run: str, asks: "Sequence[PermissionView]", *, json: bool) -> None:
    from crew.console import Output, dumps
    from crew.view import ask_words, one_line

    out = Output(sys.stdout)
    if json:
        out.put(f"{dumps([_document(ask) for ask in asks])}\n")
        return
    for ask in asks:
        said = one_line(f"{ask.tool} {ask.preview}")
        _, fate = ask_words(ask)
        out.put(f"{ask.request}  {ask.session}  {said}{f' ({fate})' if fate else ''}\n")
        for line in _excerpt(ask):
            out.put(f"    {line}\n")
    err = Output(sys.stderr)
    if asks:
        err.put(f"answer: crew answer {run} {asks[0].request} --allow\n")
    else:
        err.put(f"run {run} asks for nothing now\n")
