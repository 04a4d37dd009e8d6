"""The observer: shows one run at a time, and sends what a person asks for to its control."""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import ClassVar

import anyio.to_thread
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from crew.errors import CrewError
from crew.feed import Sieve
from crew.tui.colourless import Colourless
from crew.tui.driver import driver_class
from crew.tui.editor import edit
from crew.tui.framed import Framed
from crew.tui.help_screen import HelpScreen
from crew.tui.key_ring import KeyRing
from crew.tui.keys import shared
from crew.tui.menu import menu
from crew.tui.messages_screen import MessagesScreen
from crew.tui.observed import Observed, Subject
from crew.tui.pace import Pace
from crew.tui.result_screen import ResultScreen
from crew.tui.run_model import Changes
from crew.tui.run_screen import RunScreen
from crew.tui.runs_screen import RunsScreen
from crew.tui.runs_table import RunList
from crew.tui.session_screen import SessionScreen
from crew.tui.stage import Stage
from crew.tui.tasks_screen import TasksScreen
from crew.tui.themes import DARK, THEMES
from crew.tui.watching import Watching
from crew.view import FilePlace, Tone, latest_session

CLOCK = 1.0
"""Seconds between two pictures while only time passes."""

_LASTING = {"feed", "alive", "runs"}


class Observer(Watching):
    """Shows a run until the person leaves, or a list of runs to choose from.

    Pictures are made at most ten times a second and only when something changed; when nothing
    runs, none are made at all.

    Attributes:
        failure: The error that closed it, where one did.

    Args:
        subject: The run; None to begin with the list.
        runs: The runs to choose from; None where there is only the one.
        now: The wall clock in UTC.
        new_id: Ids of commands.
        tz: The time zone of the times.
        stay: Whether to stay when the run has ended and no key was pressed.
        session: The session to begin with, once it is there.
        editor: The command of the person's editor; empty for none.
        keys: The keys that the person chose.
    """

    TITLE = "crew"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [shared("palette", "command_palette")]
    CSS = """
    Screen { background: $background; color: $foreground; }
    SearchIcon { display: none; }
    """
    """The palette goes without its sign: terminals measure it differently."""

    def __init__(
        self,
        subject: Subject | None,
        *,
        runs: RunList | None = None,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        tz: tzinfo,
        stay: bool = True,
        session: str = "",
        editor: str = "",
        keys: KeyRing | None = None,
        theme: str = DARK.name,
    ) -> None:
        no_colour = os.environ.get("NO_COLOR")
        super().__init__(subject, new_id=new_id, tz=tz, driver_class=driver_class())
        if no_colour is not None:
            os.environ["NO_COLOR"] = no_colour  # Textual takes it; what comes later needs it
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.runs = runs
        self.now = now
        self.failure: Exception | None = None
        self._stay = stay
        self._first = session
        self._editor = editor
        self.keys = keys or KeyRing()
        self.keys.fit(self)
        self._leaving = False
        self._pace = Pace(self, self._draw)

    # Life.

    def get_line_filters(self) -> Sequence[LineFilter]:
        """How lines are drawn: as they are, or without colour where none is wanted."""
        return [Colourless()] if self.no_color else super().get_line_filters()

    def get_default_screen(self) -> Screen[None]:
        """The run, or the list of runs."""
        return RunScreen() if self._observed is not None else RunsScreen()

    def on_mount(self) -> None:
        """Follow the run, and let clocks tick."""
        self._clock = self.set_interval(CLOCK, self.wake, pause=True)
        if self._observed is not None:
            self._begin(self._observed)

    def told_all(self, observed: Observed) -> None:
        """Leave with the run, unless somebody looks at it and the run could tell its end."""
        untold = not observed.view.over and not self._stay
        if untold:
            observed.lost()
        wanted = self._leaving or not (self._stay or self.touched)
        if untold or (observed.view.over and wanted):
            self.leave()

    def wake(self) -> None:
        """Have a picture made soon."""
        self._pace.wake()

    def _draw(self) -> None:
        front = self.front
        if front is None or not front.ready:
            self.wake()
            return
        if self._observed is None or self.stage is None:
            front.show(Changes())
            return
        changes = self._observed.model.take()
        if changes.results and self._observed.subject.read_result is not None:
            self.run_worker(self._observed.read(changes.results), group="findings")
        front.show(changes)
        if self._first and self._first in self.view.sessions and not self.touched:
            self.open(self._first)
        if self.run_screen is not front:
            self.run_screen.keep(changes.story)
        running = self.view.totals.running if changes.events else None
        if running is not None:
            self.set_clock(running > 0 and not self._observed.quiet)

    @property
    def settled(self) -> bool:
        """Whether all that is known is in the picture, and nothing is being read or sent."""
        busy = (each.is_running for each in self.workers if each.group not in _LASTING)
        return not self._pace.due and not any(busy)

    def set_clock(self, ticking: bool) -> None:
        """Let clocks go on, or stand still."""
        if ticking:
            self._clock.resume()
        else:
            self._clock.pause()

    @property
    def run_screen(self) -> RunScreen:
        """The run's screen, in front or behind."""
        return next(screen for screen in self.screen_stack if isinstance(screen, RunScreen))

    @property
    def front(self) -> Framed | None:
        """The screen of the observer that is in front, behind a menu or not."""
        framed = [screen for screen in self.screen_stack if isinstance(screen, Framed)]
        return framed[-1] if framed else None

    @property
    def stage(self) -> Stage | None:
        """The screen in front, where it is about a run."""
        front = self.front
        return front if isinstance(front, Stage) else None

    # What screens ask for.

    def open_run(self, run: str) -> None:
        """Show a run of the list."""
        self.touched = True
        self.run_worker(self._open_run(run), group="open", exclusive=True)

    async def _open_run(self, run: str) -> None:
        if self.runs is None:
            return
        try:
            subject = await anyio.to_thread.run_sync(self.runs.open, run)
        except CrewError as error:
            self.say(error.message)
            return
        self._observed = self._taken(subject)
        self._begin(self._observed)
        await self.push_screen(RunScreen())

    def _close_run(self) -> None:
        """Go back to the list; the run goes on."""
        self._stop_following()
        self.pop_screen()

    def open_list(self) -> None:
        """Show the list of runs, where there is one."""
        if self.runs is not None and self.stage is not None:
            self.open(None)
            self._close_run()

    def open(self, session: str | None, *, at: Sieve | None = None, waiting: str = "") -> None:
        """Show a session, or the run.

        Args:
            session: The session; None for the run.
            at: Finds the entry to begin with; None for the end.
            waiting: The command of the message to begin with, where no entry is it yet.
        """
        self.touched = True
        stage = self.stage
        if session is None or session not in self.view.sessions:
            while not isinstance(self.stage, RunScreen):
                self.back()
        elif isinstance(stage, SessionScreen):
            stage.look_at(session)
        else:
            self.push_screen(SessionScreen(session, at=at, waiting=waiting))

    def back(self) -> None:
        """Show what is behind the screen in front; behind the run's there may be the list."""
        stage = self.stage
        if stage is None:
            return
        if isinstance(stage, RunScreen):
            self.open_list()
            return
        if stage.session and not isinstance(stage, MessagesScreen):
            self.run_screen.tree_pane.select_session(stage.session)
        self.pop_screen()

    def open_tasks(self, session: str | None) -> None:
        """Show the task board, the task of a session selected."""
        self.touched = True
        self.push_screen(TasksScreen(session))

    def open_messages(self) -> None:
        """Show what was said."""
        self.touched = True
        self.push_screen(MessagesScreen())

    def open_latest(self) -> None:
        """Show the session that was active last."""
        self.open(latest_session(self.view))

    def again(self, task: str) -> None:
        """Have a run that is over go on, with a task or with what did not complete."""
        self.touched = True
        self.run_worker(self._go_on(task), group="again", exclusive=True)

    async def _go_on(self, task: str) -> None:
        again = self.observed.subject.again
        if again is None:
            return
        try:
            subject = await anyio.to_thread.run_sync(again, task)
        except CrewError as error:
            self.say(" · ".join(filter(None, [error.message, error.hint])))
            return
        self.open(None)
        self._stop_following()
        sent, self._observed = self.observed.sent, self._taken(subject)
        self._observed.sent |= sent
        self._begin(self._observed)
        self.run_screen.start_over()

    def edit(self, places: Iterable[FilePlace]) -> None:
        """Open the first of these files that there is in the person's editor."""
        self.run_worker(self._editing(list(places)), group="edit", exclusive=True)

    async def _editing(self, places: list[FilePlace]) -> None:
        try:
            trouble = await edit(self, self._editor, self.view.workspace, places)
        except CrewError as error:
            trouble = error.message
        if trouble:
            self.say(trouble)

    def show_help(self, screen: str) -> None:
        """Show the keys of a screen."""
        self.push_screen(HelpScreen(screen, self.keys))

    def _handle_exception(self, error: Exception) -> None:
        """Close on an error of the observer's own: whoever opened it tells of it."""
        self.failure = error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.exit(return_code=1)

    def say(self, note: str) -> None:
        """Tell the person something that is no part of the run."""
        top = self.screen
        if isinstance(top, ResultScreen):
            top.say(note)
        elif self.front is not None:
            self.front.say(note, Tone.BAD)

    def leave_when_over(self) -> None:
        """Close as soon as the run has ended, whatever the person did."""
        self._leaving = True
        if self.view.over:
            self.leave()

    def leave(self) -> None:
        """Close the observer; the run goes on."""
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        del screen
        return menu(self)
