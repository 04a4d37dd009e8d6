"""Opens the observer on a run: of this process while it goes on, or of a folder."""

import contextlib
import gc
import os
import signal
import sys
import termios
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from rich.console import Console

from crew.cli.detach import launch
from crew.commands import Control
from crew.config import config_place, load_config
from crew.console import LiveDisplay, Output, PlainDisplay
from crew.errors import ConfigError, UsageError
from crew.feed import Feed
from crew.records import Status, utc_now
from crew.service import ResumeRequest, StoredRun, follow_runs, open_run, read_result
from crew.tui import KeyRing, Observer, RunList, Subject
from crew.view import RunView, one_line, outcome_words

_NORMAL_SCREEN = b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l"

_TURN = 0.001
"""Seconds that a thread has while the loop waits for its turn; Python's own are five times that."""

_TERMINAL_SIGNALS = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class ObserverDisplay:
    """Shows a run of this process in the observer; once that is left, in plain lines.

    The person's keys are read before the run begins: a mistake in them should not cost one.

    Attributes:
        control: Takes what the person asks for; known once the run has started.
        folder: The run's folder; known from then on as well.
    """

    def __init__(self) -> None:
        self.control: Control | None = None
        self.folder: Path | None = None
        self._observer: Observer | None = None
        self._plain: PlainDisplay | None = None
        self._terminal = _terminal_settings()
        self._keys = key_ring()

    def restore(self) -> None:
        """Give the terminal back as it was, from anywhere."""
        if self._observer is None or self._terminal is None:
            return
        with contextlib.suppress(OSError, termios.error):
            os.write(2, _NORMAL_SCREEN)
            termios.tcsetattr(0, termios.TCSANOW, self._terminal)

    async def follow(self, feed: Feed) -> None:
        """Show the run until it ends.

        Raises:
            Exception: The observer failed; the run was shown in plain lines from there on.
        """
        read = partial(read_result, self.folder) if self.folder is not None else None
        subject = Subject(feed=feed, control=self.control, read_result=read)
        observer = self._observer = _observer(subject, keys=self._keys, stay=False)
        _favour_keys()
        with _signals_given_back():
            await observer.run_async()
        self._observer = None
        if observer.view.over:
            console = Console(stderr=True, highlight=False, markup=False, emoji=False)
            await LiveDisplay(console, clock=utc_now).follow(feed)
        else:
            err = Output(sys.stderr, name="standard error")
            self._plain = PlainDisplay(err, tz=_zone(), after=observer.seq)
            for words in _left_words(observer.view, feed.run):
                self._plain.say(words)
            await self._plain.follow(feed)
        if observer.failure is not None:
            raise observer.failure

    def say(self, note: str) -> None:
        """Tell the person that the run is being ended from outside."""
        if self._observer is not None:
            self._observer.say(note)
            self._observer.leave_when_over()
        elif self._plain is not None:
            self._plain.say(note)


def watch(run: StoredRun, workspace: Path | None, *, session: str = "") -> Observer:
    """Show a run of a folder until the person leaves.

    Args:
        run: The run.
        workspace: The folder that the person is in, since a run goes on only in its own; None for
            a run that can't go on.
        session: The session to begin with.

    Returns:
        The observer, for what it knows of the run.
    """
    observer = _observer(_subject(run, workspace), keys=key_ring(), session=session)
    _show(observer)
    return observer


def watch_all(home: Path, workspace: Path) -> None:
    """Show the list of runs, and each that is opened from it, until the person leaves."""
    runs = RunList(
        follow=lambda: follow_runs(home, outcome_words),
        open=lambda run: _subject(open_run(home, run), workspace),
    )
    _show(_observer(None, keys=key_ring(), runs=runs))


def _show(observer: Observer) -> None:
    _favour_keys()
    with _signals_given_back():
        ended_by = anyio.run(_until_left, observer)
    if observer.failure is not None:
        raise observer.failure
    if ended_by:
        sys.exit(128 + ended_by)


async def _until_left(observer: Observer) -> int:
    """Show the observer until it is left; gives the number of the signal that closed it, or 0."""
    ended_by = 0

    async def close(*, task_status: TaskStatus[None]) -> None:
        nonlocal ended_by
        # What the parent ignores stays ignored: that is how `nohup` works.
        heeded = [name for name in _ENDS if signal.getsignal(name) is not signal.SIG_IGN]
        with anyio.open_signal_receiver(*heeded) as received:
            task_status.started()
            async for number in received:
                ended_by = ended_by or number
                observer.leave()

    async with anyio.create_task_group() as tasks:
        await tasks.start(close)
        await observer.run_async()
        tasks.cancel_scope.cancel()
    return ended_by


def _favour_keys() -> None:
    """Hold up the loop less: keys wait for the search for garbage and for threads that read."""
    gc.freeze()  # modules, where there is none to find
    sys.setswitchinterval(_TURN)


def _subject(run: StoredRun, workspace: Path | None) -> Subject:
    home = run.folder.parent.parent

    async def alive() -> bool:
        return await anyio.to_thread.run_sync(run.alive)

    def again(here: Path, task: str) -> Subject:
        ended = open_run(home, run.id).summary.status is not Status.INTERRUPTED
        request = ResumeRequest(
            run=run.id,
            home=home,
            workspace=here,
            retry=ended,
            task=task or None,
            interactive=True,
        )
        launch(request)
        return _subject(open_run(home, run.id), here)

    return Subject(
        feed=run.feed,
        control=run.control if run.summary.live else None,
        alive=alive,
        read_result=partial(read_result, run.folder),
        again=partial(again, workspace) if workspace is not None else None,
    )


def _left_words(view: RunView, run: str) -> Iterator[str]:
    """What becomes of a run that nobody looks at, and what a person can do about it."""
    if view.status is Status.PAUSED:
        yield f"the run is paused; let it go on: crew resume {run}"
    else:
        yield f"the run goes on; look again: crew watch {run}"
    for ask in view.asks:
        said = one_line(f"{ask.session or 'run'} asks for permission: {ask.tool} {ask.preview}")
        yield f"{said}; answer it: crew answer {run}"


def _observer(
    subject: Subject | None,
    *,
    keys: KeyRing,
    runs: RunList | None = None,
    stay: bool = True,
    session: str = "",
) -> Observer:
    return Observer(
        subject,
        runs=runs,
        now=utc_now,
        new_id=lambda: uuid4().hex,
        tz=_zone(),
        stay=stay,
        session=session,
        editor=os.environ.get("VISUAL") or os.environ.get("EDITOR") or "",
        keys=keys,
    )


def key_ring() -> KeyRing:
    """The observer's keys, as the person's settings have them.

    Raises:
        ConfigError: The settings are off.
    """
    config = load_config(os.environ)
    try:
        return KeyRing(config.keys, place=partial(_key_place, os.environ))
    except UsageError as error:
        raise ConfigError(error.message, hint=error.hint) from error


def _key_place(environ: Mapping[str, str], action: str) -> str:
    return f"{config_place(environ, 'keys', action)}: "


@contextlib.contextmanager
def _signals_given_back() -> Iterator[None]:
    """Undo what Textual leaves behind: its handlers would open the screen again, on SIGCONT."""
    known = {number: signal.getsignal(number) for number in (*_TERMINAL_SIGNALS, *_ENDS)}
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)


def _zone() -> tzinfo:
    return datetime.now(UTC).astimezone().tzinfo or UTC


def _terminal_settings() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None
