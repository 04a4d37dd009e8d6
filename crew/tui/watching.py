"""An app that watches one run at a time: follows it, and sends commands to it."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from textual.app import App

from crew.commands import Command
from crew.feed import Feed
from crew.tui.observed import Decision, Observed, Subject
from crew.tui.result_screen import ReadResult
from crew.view import Deed, RunView

OF_A_RUN = ("feed", "alive", "send", "findings")
"""Groups of workers that end with the watching of a run."""


class Watching(App[None], inherit_bindings=False):
    """What screens know of the run, and what they may ask for.

    Args:
        subject: The run to begin with; None for none.
        new_id: Ids of commands.
        tz: The time zone of the times.

    Attributes:
        touched: Whether a person has done anything yet.
    """

    def __init__(
        self, subject: Subject | None, *, new_id: Callable[[], str], tz: tzinfo, **options: Any
    ) -> None:
        super().__init__(**options)
        self.touched = False
        self._new_id = new_id
        self._tz = tz
        self._observed = self._taken(subject) if subject is not None else None

    @abstractmethod
    def wake(self) -> None:
        """Have a picture made soon."""

    @abstractmethod
    def told_all(self, observed: Observed) -> None:
        """A run has told its end."""

    def _taken(self, subject: Subject) -> Observed:
        return Observed(subject, new_id=self._new_id, tz=self._tz, wake=self.wake)

    @property
    def tz(self) -> tzinfo:
        """The time zone of the times."""
        return self._tz

    @property
    def observed(self) -> Observed:
        """The run that is shown, or was shown last."""
        if self._observed is None:
            raise LookupError("no run is shown")
        return self._observed

    @property
    def feed(self) -> Feed:
        """What the run tells."""
        return self.observed.subject.feed

    @property
    def read_result(self) -> ReadResult | None:
        """Reads results; None where they can't be looked at."""
        return self.observed.subject.read_result

    @property
    def view(self) -> RunView:
        """The run as it is now."""
        return self.observed.view

    @property
    def order(self) -> tuple[str, ...]:
        """Sessions in the order of the run's rows."""
        return self.observed.model.order

    @property
    def seq(self) -> int:
        """The last event that was shown."""
        return self.observed.view.seq

    @property
    def reply(self) -> tuple[bool, str] | None:
        """What became of the last command: whether it went well, and words."""
        return self.observed.reply

    def possible(self, session: str | None) -> frozenset[Deed]:
        """What a person can do now."""
        return self.observed.possible(session)

    def _begin(self, observed: Observed) -> None:
        self.run_worker(self._follow(observed), group="feed")
        if observed.subject.alive is not None:
            self.run_worker(observed.watch_over(), group="alive")

    def _stop_following(self) -> None:
        for group in OF_A_RUN:
            self.workers.cancel_group(self, group)

    async def _follow(self, observed: Observed) -> None:
        await observed.follow()
        self.told_all(observed)

    def lost(self) -> None:
        """The run's process is gone."""
        self.observed.lost()

    # Commands.

    def command(self, deed: Deed, session: str = "", text: str = "") -> None:
        """Send a command; the journal's answer shows on the message line."""
        self._send(self.observed.deed(deed, session, text))

    def answer(self, request: str, decision: Decision, reason: str = "") -> None:
        """Give a person's word on a permission request."""
        self._send(self.observed.word(request, decision, reason))

    def retry(self, task: str) -> None:
        """Have a task of a run that goes on run again."""
        self._send(self.observed.retry(task))

    def _send(self, command: Command) -> None:
        self.touched = True
        self.run_worker(self._sending(self.observed, command), group="send")

    async def _sending(self, observed: Observed, command: Command) -> None:
        await observed.send(command)
        self.wake()
