"""A session that is taken up again: what its transcript and its run's journal tell of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crew.commands import FollowUp, Steer
from crew.entries import (
    Entry,
    FollowUpEntry,
    Message,
    Outcome,
    ResultEntry,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UsageEntry,
    UserEntry,
    is_message,
)
from crew.models.answer import LENGTH
from crew.records import NO_USAGE, Failure, JsonObject, Status, Usage
from crew.session.gate import Latch
from crew.session.toolset import SUBMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a session stood by the journal when its process was lost.

    Attributes:
        announced: Its `session.started` is in the journal.
        waiting: Accepted steers and follow-ups that no turn has seen by the journal.
        told: Ids of steers and follow-ups whose delivery is journaled.
        stepping: A step was allowed and not yet used.
        granted: Tools that a person allowed for the session.
        worked: Seconds that it had worked.
        began: Ids of calls whose tool, one that writes or executes, had begun.
        children: Calls by id, with the child session that each spawned.
        cause: How an accepted cancel ends it.
    """

    announced: bool = False
    waiting: tuple[Steer | FollowUp, ...] = ()
    told: frozenset[str] = frozenset()
    latch: Latch = Latch.OPEN
    stepping: bool = False
    granted: frozenset[str] = frozenset()
    worked: float = 0.0
    began: frozenset[str] = frozenset()
    children: Mapping[str, str] = field(default_factory=dict)
    cause: tuple[Status, Failure | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a session's transcript says of it, and where it stood by the journal.

    Attributes:
        entries: Its transcript, healed.
        in_flight: The text that its model was writing.
    """

    entries: Sequence[Entry] = ()
    in_flight: str = ""
    standing: Standing = Standing()

    @property
    def begun(self) -> bool:
        """Whether its model has been told what to do."""
        return any(isinstance(entry, UserEntry) for entry in self.entries)

    @property
    def messages(self) -> list[Message]:
        """The conversation so far."""
        return [entry for entry in self.entries if is_message(entry)]

    @property
    def turn(self) -> int:
        """The last turn that the model answered; one that it did not is begun again."""
        return max((e.turn for e in self.entries if isinstance(e, UsageEntry)), default=0)

    @property
    def usage(self) -> Usage:
        """What its model requests cost."""
        return total(self.entries)

    @property
    def context_tokens(self) -> int:
        """Tokens of its last model request and answer."""
        usages = [entry.usage.tokens for entry in self.entries if isinstance(entry, UsageEntry)]
        return usages[-1] if usages else 0

    @property
    def calls(self) -> dict[str, ToolCallEntry]:
        """Every tool call, by id."""
        return {e.call_id: e for e in self.entries if isinstance(e, ToolCallEntry)}

    @property
    def answers(self) -> dict[str, ToolResultEntry]:
        """Every tool call's result, by the call's id."""
        return {e.call_id: e for e in self.entries if isinstance(e, ToolResultEntry)}

    @property
    def reminders(self) -> int:
        """How often the model was asked for its result."""
        return sum(isinstance(e, UserEntry) and e.source == "reminder" for e in self.entries)

    @property
    def reminded(self) -> bool:
        """Whether a reminder is the last thing that the model was told."""
        last = self.messages[-1] if self.messages else None
        return isinstance(last, UserEntry) and last.source == "reminder"

    @property
    def submitted(self) -> JsonObject | None:
        """The result that was accepted last."""
        accepted = self._accepted()
        return accepted[-1].args if accepted else None

    @property
    def results(self) -> list[ResultEntry]:
        """Results that are in the transcript already."""
        return [entry for entry in self.entries if isinstance(entry, ResultEntry)]

    @property
    def seen(self) -> dict[str, int]:
        """Steers and follow-ups that are in the conversation, with the turn of each."""
        return {
            entry.command: entry.turn
            for entry in self.entries
            if isinstance(entry, SteerEntry | FollowUpEntry)
        }

    @property
    def stopped(self) -> bool:
        """Whether the model was done by its last answer, and nothing came after it."""
        after = self._after_answer()
        if after is None or any(isinstance(entry, UserEntry) for entry in after):
            return False
        calls = {call.call_id for call in self.calls.values() if call.turn == self.turn}
        if calls:
            return any(call.call_id in calls for call in self._accepted())
        return self._stop() != LENGTH

    @property
    def cut_by_length(self) -> bool:
        """Whether the last answer ran into the limit of its length, and nobody has said so."""
        after = self._after_answer()
        return after is not None and not after and self._stop() == LENGTH

    def _after_answer(self) -> list[Entry] | None:
        """What follows the last answer in its turn; None when a later turn has begun."""
        entries, last = self.entries, None
        for place, entry in enumerate(entries):
            if isinstance(entry, UsageEntry):
                last = place
        if last is None:
            return None
        after = list(entries[last + 1 :])
        return None if any(entry.turn > self.turn for entry in after) else after

    def _stop(self) -> str:
        stops = [entry.stop for entry in self.entries if isinstance(entry, UsageEntry)]
        return stops[-1] if stops else ""

    def _accepted(self) -> list[ToolCallEntry]:
        answers = self.answers
        return [
            call
            for call in self.calls.values()
            if call.tool == SUBMIT
            and call.call_id in answers
            and answers[call.call_id].outcome is Outcome.OK
        ]


def worked_before(entries: Iterable[Entry], announced: datetime | None) -> float:
    """Seconds of a transcript that are older than its session's beginning in the journal.

    A loss of power may have taken that, and with it every pause that there was.

    Args:
        announced: When the session began by the journal; None where it is not there.
    """
    processes: dict[int, list[datetime]] = {}
    for entry in entries:
        if announced is None or entry.at < announced:
            processes.setdefault(entry.epoch, []).append(entry.at)
    return sum((times[-1] - times[0]).total_seconds() for times in processes.values())


def total(entries: Iterable[Entry]) -> Usage:
    """What the model requests that a transcript tells of cost."""
    usage = NO_USAGE
    for entry in entries:
        if isinstance(entry, UsageEntry):
            usage = usage + entry.usage
    return usage
