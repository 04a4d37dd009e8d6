"""The observer: shows one run from its feed, and sends what a person asks for to its control."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import ClassVar, Literal

import anyio
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from crew.commands import Answer, Command, Control
from crew.errors import CrewError
from crew.feed import Feed
from crew.tui.colourless import Colourless
from crew.tui.driver import driver_class
from crew.tui.help_screen import HelpScreen
from crew.tui.keys import listed
from crew.tui.result_screen import ReadResult
from crew.tui.run_model import RunModel
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from crew.tui.stage import Stage
from crew.tui.tasks_screen import TasksScreen
from crew.tui.themes import DARK, THEMES
from crew.view import Deed, RunView, Tone, command_for, latest_session, possible, reply_words

PICTURES = 1 / 10
"""Seconds between two pictures while something happens."""

CLOCK = 1.0
"""Seconds between two pictures while only time passes."""

_LASTING = {"feed", "alive"}

GLANCE = 1.0
"""Seconds between two looks whether the run's process lives."""


class Observer(App[None]):
    """Shows a run until the person leaves.

    Pictures are made at most ten times a second and only when something changed; when nothing
    runs, none are made at all.

    Attributes:
        touched: Whether a person has done anything yet.
        failure: The error that closed it, where one did.

    Args:
        feed: The run.
        control: Takes commands; None where the run can only be looked at.
        now: The wall clock in UTC.
        new_id: Ids of commands.
        tz: The time zone of the times.
        alive: Whether the run's process still lives; None where that is known.
        stay: Whether to stay when the run has ended and no key was pressed.
        session: The session to begin with, once it is there.
        read_result: Reads results; None where they can't be looked at.
    """

    TITLE = "crew"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = "Screen { background: $background; color: $foreground; }"

    def __init__(
        self,
        feed: Feed,
        *,
        control: Control | None,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        tz: tzinfo,
        alive: Callable[[], Awaitable[bool]] | None = None,
        stay: bool = True,
        session: str = "",
        theme: str = DARK.name,
        read_result: ReadResult | None = None,
    ) -> None:
        no_colour = os.environ.get("NO_COLOR")
        super().__init__(driver_class=driver_class())
        if no_colour is not None:
            os.environ["NO_COLOR"] = no_colour  # Textual takes it; what comes later needs it
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.feed = feed
        self.now = now
        self.read_result = read_result
        self.touched = False
        self.failure: Exception | None = None
        self._control = control
        self._new_id = new_id
        self._alive = alive
        self._stay = stay
        self._first = session
        self._leaving = False
        self._model = RunModel(tz)
        self._last_command = ""
        self._failure = ""
        self._possible: tuple[RunView, str | None, frozenset[Deed]] | None = None
        self._due = False
        self._drawn = 0.0

    @property
    def view(self) -> RunView:
        """The run as it is now."""
        return self._model.view

    @property
    def order(self) -> tuple[str, ...]:
        """Sessions in the order of the run's rows."""
        return self._model.order

    @property
    def seq(self) -> int:
        """The last event that was shown."""
        return self._model.view.seq

    @property
    def reply(self) -> tuple[bool, str] | None:
        """What became of the last command: whether it went well, and words."""
        if self._failure:
            return False, self._failure
        known = self.view.commands.get(self._last_command)
        return reply_words(self.view, known) if known is not None else None

    def possible(self, session: str | None) -> frozenset[Deed]:
        """What a person can do now."""
        if self._control is None:
            return frozenset()
        asked = (self.view, session)
        known = self._possible
        if known is None or known[0] is not self.view or known[1] != session:
            known = self._possible = (*asked, possible(*asked))
        return known[2]

    # Life.

    def get_line_filters(self) -> Sequence[LineFilter]:
        """How lines are drawn: as they are, or without colour where none is wanted."""
        return [Colourless()] if self.no_color else super().get_line_filters()

    def get_default_screen(self) -> Screen[None]:
        """The run."""
        return RunScreen()

    def on_mount(self) -> None:
        """Follow the run, and let clocks tick."""
        self.run_worker(self._follow(), group="feed")
        if self._alive is not None:
            self.run_worker(self._watch_over(self._alive), group="alive")
        self._clock = self.set_interval(CLOCK, self._tick, pause=True)

    async def _follow(self) -> None:
        async with self.feed.subscribe() as items:
            async for item in items:
                self._model.apply(item)
                self.wake()
        wanted = self._leaving or not (self._stay or self.touched)
        if self.view.over and wanted:
            self.leave()

    async def _watch_over(self, alive: Callable[[], Awaitable[bool]]) -> None:
        while not self.view.over:
            if not await alive():
                await anyio.sleep(GLANCE)  # what it wrote last is still to be read
                self.lost()
                return
            await anyio.sleep(GLANCE)

    def lost(self) -> None:
        """The run's process is gone."""
        self._model.interrupt()
        self.wake()

    def wake(self) -> None:
        """Have a picture made soon."""
        if self._due:
            return
        self._due = True
        elapsed = anyio.current_time() - self._drawn
        if elapsed >= PICTURES:
            self.call_next(self._draw)
        else:
            self.set_timer(PICTURES - elapsed, self._draw)

    def _draw(self) -> None:
        self._due = False
        self._drawn = anyio.current_time()
        stage = self.stage
        if stage is None or not stage.ready:
            self.wake()
            return
        changes = self._model.take()
        stage.show(changes)
        if self._first and self._first in self.view.sessions and not self.touched:
            self.open(self._first)
        if self.run_screen is not stage:
            self.run_screen.keep(changes.story)
        running = self.view.totals.running if changes.events else None
        if running is not None:
            self._set_clock(running > 0 and not self.quiet)

    @property
    def settled(self) -> bool:
        """Whether all that is known is in the picture, and nothing is being read or sent."""
        busy = (each.is_running for each in self.workers if each.group not in _LASTING)
        return not self._due and not any(busy)

    @property
    def quiet(self) -> bool:
        """Whether only a person can make something happen."""
        view = self.view
        if view.over or view.ended is not None:
            return True
        return all(known.over or known.status == "paused" for known in view.sessions.values())

    def _set_clock(self, ticking: bool) -> None:
        if ticking:
            self._clock.resume()
        else:
            self._clock.pause()

    def _tick(self) -> None:
        self.wake()

    @property
    def run_screen(self) -> RunScreen:
        """The run's screen, in front or behind."""
        return next(screen for screen in self.screen_stack if isinstance(screen, RunScreen))

    @property
    def stage(self) -> Stage | None:
        """The screen of the observer that is in front, behind a menu or not."""
        stages = [screen for screen in self.screen_stack if isinstance(screen, Stage)]
        return stages[-1] if stages else None

    # What screens ask for.

    def open(self, session: str | None) -> None:
        """Show a session, or the run."""
        self.touched = True
        stage = self.stage
        if session is None or session not in self.view.sessions:
            while self.back():
                pass
        elif isinstance(stage, SessionScreen):
            stage.look_at(session)
        else:
            self.push_screen(SessionScreen(session))

    def back(self) -> bool:
        """Show what is behind the screen in front; False where that is the run's."""
        stage = self.stage
        if stage is None or isinstance(stage, RunScreen):
            return False
        if stage.session:
            self.run_screen.tree_pane.select_session(stage.session)
        self.pop_screen()
        return True

    def open_tasks(self, session: str | None) -> None:
        """Show the task board, the task of a session selected."""
        self.touched = True
        self.push_screen(TasksScreen(session))

    def open_latest(self) -> None:
        """Show the session that was active last."""
        self.open(latest_session(self.view))

    def command(self, deed: Deed, session: str = "", text: str = "") -> None:
        """Send a command; the journal's answer shows on the message line."""
        made = command_for(deed, command=self._new_id(), session=session, text=text)
        self._send(made)

    def answer(
        self, request: str, decision: Literal["allow", "allow_session", "deny"], reason: str = ""
    ) -> None:
        """Give a person's word on a permission request."""
        self._send(Answer(id=self._new_id(), request=request, decision=decision, reason=reason))

    def _send(self, command: Command) -> None:
        self.touched = True
        self._last_command, self._failure = command.id, ""
        self.run_worker(self._sending(command), group="send")

    async def _sending(self, command: Command) -> None:
        if self._control is None:
            self._failure = "this run can only be looked at"
        else:
            try:
                await self._control.send(command)
            except CrewError as error:
                if command.id not in self.view.commands and self._last_command == command.id:
                    self._failure = f"not done: {error.message}"
        self.wake()
        if self.stage is not None:
            self.stage.show_message()

    def show_help(self, screen: str) -> None:
        """Show the keys of a screen."""
        self.push_screen(HelpScreen(screen))

    def _handle_exception(self, error: Exception) -> None:
        """Close on an error of the observer's own: whoever opened it tells of it."""
        self.failure = error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.exit(return_code=1)

    def say(self, note: str) -> None:
        """Tell the person something that is no part of the run."""
        if self.stage is not None:
            self.stage.say(note, Tone.BAD)

    def leave_when_over(self) -> None:
        """Close as soon as the run has ended, whatever the person did."""
        self._leaving = True
        if self.view.over:
            self.leave()

    def leave(self) -> None:
        """Close the observer; the run goes on."""
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: the keys that apply, and the themes."""
        stage = self.stage
        if stage is not None:
            for key in listed(stage.NAME):
                if stage.applies(key):
                    name = key.id
                    yield SystemCommand(
                        key.help, f"key {key.shown}", lambda name=name: stage.action_do(name)
                    )
        for theme in THEMES:
            yield SystemCommand(
                f"theme {theme.name.removeprefix('crew-')}",
                "change the colours",
                lambda name=theme.name: setattr(self, "theme", name),
            )
