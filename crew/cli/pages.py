"""What `crew ps`, `crew show` and `crew logs` put on standard output."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import anyio
import anyio.to_thread
from rich.console import Console
from rich.text import Text

from crew.cli.runs import Target
from crew.console import (
    Display,
    JsonDisplay,
    ListedRun,
    Output,
    PlainDisplay,
    dumps,
    entry_json,
    event_json,
    print_entries,
    print_run,
    run_document,
    runs_document,
    runs_table,
    show_result,
)
from crew.entries import Entry
from crew.errors import CrewError, UsageError
from crew.events import SessionEnded
from crew.feed import Feed, TranscriptReader
from crew.records import Status, utc_now
from crew.service import RunSummary, StoredRun, open_run
from crew.view import RunView, counted, event_line, interrupted, outcome_words, replay

_CHUNK = 200
_GLANCE = 1.0


def list_runs(home: Path, runs: Sequence[RunSummary], *, limit: int | None, json: bool) -> None:
    """Print the list of the runs of a home, at most `limit` of them for people."""
    out = Output(sys.stdout)
    if json:
        out.put(f"{dumps(runs_document(runs))}\n")
        return
    if not runs:
        Output(sys.stderr).put("no runs here yet; start one: crew run review\n")
        return
    with _page(out) as console:
        listed = [_listed(home, run) for run in runs[:limit]]
        width = console.width
        table = runs_table(listed, now=utc_now(), width=width, encoding=console.encoding)
        console.print(table, crop=False)
        if limit is not None and len(runs) > limit:
            more = counted(len(runs) - limit, "older run")
            console.print(Text(f"and {more}: crew ps --all", "dim"))


def _listed(home: Path, run: RunSummary) -> ListedRun:
    try:
        stored = open_run(home, run.id)
        if run.live:
            return ListedRun(summary=run, asks=bool(replay(stored.events()).asks))
        outcome = stored.outcome()
    except CrewError:  # it went meanwhile, or its result can't be read
        return ListedRun(summary=run)
    if outcome is None:
        return ListedRun(summary=run)
    why = outcome.error.message if outcome.error is not None else ""
    said = outcome_words(outcome.result) if outcome.result is not None else why
    return ListedRun(summary=run, outcome=said)


def show_run(target: Target, *, json: bool) -> None:
    """Print one run: header, tasks and sessions, result."""
    out, run = Output(sys.stdout), target.run
    view, outcome = replay(run.items()), run.outcome()
    if run.summary.status is Status.INTERRUPTED:
        view = interrupted(view)
    if outcome is not None:
        outcome = replace(outcome, folder=Path(target.place))
    if json:
        out.put(f"{dumps(run_document(view, run.summary, outcome, target.place))}\n")
        return
    with _page(out) as console:
        error = outcome.error if outcome is not None else view.error
        print_run(view, run.summary, error, console, now=utc_now())
        if outcome is not None:
            show_result(outcome, console, headed=True)
        lines = [f"one session: crew show {target.name}/{_deepest(view)}"] if view.sessions else []
        if view.status is Status.INTERRUPTED:
            lines.append(f"take it up:  crew resume {run.id}")
        for line in lines:
            console.print(Text(line, "dim"), soft_wrap=True)


def _deepest(view: RunView) -> str:
    """A session whose name says how all are named: a child where there is one."""
    return max(view.sessions.values(), key=lambda known: known.depth).id


def show_session(target: Target, *, full: bool, json: bool) -> None:
    """Print one session's transcript."""
    run, session = target.run, target.session
    _check_session(run, session)
    out = Output(sys.stdout)
    with _transcript(run.feed, session) as reader:
        entries = reader.poll()
    if json:
        _put_entries_json(entries, out)
        return
    cut = False
    for start in range(0, len(entries), _CHUNK):
        with _page(out) as console:
            cut |= print_entries(entries[start : start + _CHUNK], console, full=full)
    if cut:
        Output(sys.stderr).put(f"all of it: crew show {target.name}/{session} --full\n")


def log_run(target: Target, *, follow: bool, json: bool) -> None:
    """Print a run's events, and with `follow` those to come while it is live."""
    out, zone, run = Output(sys.stdout), _zone(), target.run
    events = run.events()
    for event in events:
        line = event_json(event) if json else event_line(event, tz=zone)
        if line is not None:
            out.put(f"{line}\n")
    if follow and run.summary.live and not replay(events).over:
        after = max((event.seq for event in events), default=0)
        display: Display = PlainDisplay(out, tz=zone, after=after)
        if json:
            display = JsonDisplay(out, Output(sys.stderr), after=after)
        anyio.run(_while_alive, run, lambda: display.follow(run.feed))


def log_session(target: Target, *, follow: bool, json: bool) -> None:
    """Print a transcript entry by entry, and with `follow` what comes while it is live."""
    run, session = target.run, target.session
    view = _check_session(run, session)
    out = Output(sys.stdout)

    with _transcript(run.feed, session) as reader:

        def put_new() -> bool:
            entries = reader.poll()
            if json:
                _put_entries_json(entries, out)
            elif entries:
                with _page(out) as console:
                    print_entries(entries, console, full=True)
            return not out.closed

        read = put_new()
        if read and follow and run.summary.live and not view.sessions[session].over:
            anyio.run(
                _while_alive,
                run,
                lambda: _follow_session(run.feed, session, view.seq, put_new),
            )


async def _while_alive(run: StoredRun, follow: Callable[[], Awaitable[None]]) -> None:
    """Follow a run to its end; a run whose process is gone has none, and is left."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_leave_when_gone, run, tasks.cancel_scope)
        await follow()
        tasks.cancel_scope.cancel()


async def _leave_when_gone(run: StoredRun, scope: anyio.CancelScope) -> None:
    home = run.folder.parent.parent
    while True:
        summary = (await anyio.to_thread.run_sync(open_run, home, run.id)).summary
        if not summary.live:
            break
        await anyio.sleep(_GLANCE)
    if summary.status is Status.INTERRUPTED:
        await anyio.sleep(_GLANCE)  # what it wrote last is still to be read
        Output(sys.stderr).put("the process of this run is gone; this is all it wrote\n")
        scope.cancel()


async def _follow_session(
    feed: Feed, session: str, after: int, put_new: Callable[[], bool]
) -> None:
    async with feed.subscribe(after=after) as items:
        async for item in items:
            if item.session == session and (not put_new() or isinstance(item, SessionEnded)):
                return


def _check_session(run: StoredRun, session: str) -> RunView:
    view = replay(run.events())
    if session not in view.sessions:
        known = ", ".join(view.sessions)
        raise UsageError(
            f"run {run.id} has no session {session!r}",
            hint=f"it has: {known}" if known else "it has none yet",
        )
    return view


def _put_entries_json(entries: Sequence[Entry], out: Output) -> None:
    for entry in entries:
        out.put(f"{entry_json(entry)}\n")


@contextmanager
def _transcript(feed: Feed, session: str) -> Iterator[TranscriptReader]:
    reader = feed.transcript(session)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def _page(out: Output) -> Iterator[Console]:
    """A console whose text goes out in one piece, so that a closed pipe ends it quietly."""
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as page:
        yield console
    out.put(page.get())


def _zone() -> tzinfo:
    return datetime.now(UTC).astimezone().tzinfo or UTC
