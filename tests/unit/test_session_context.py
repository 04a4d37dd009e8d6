"""A conversation that outgrows its model's context: what is cut, what stays, what is told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crew.commands import Steer
from crew.entries import (
    ContextEntry,
    Message,
    SteerEntry,
    ToolCallEntry,
    ToolResultEntry,
    UserEntry,
    is_message,
)
from crew.errors import Fault, ModelError
from crew.models.protocol import Delta, ModelRequest
from crew.models.script import ScriptedFault, Turn
from crew.models.scripted import Scripted
from crew.models.tokens import CHARS_A_TOKEN
from crew.records import Status
from crew.session.context import GONE, SUMMARY, cuts_of
from crew.tools.protocol import ToolContext, ToolOutput
from tests.doubles.crews import Crew
from tests.doubles.models import Recorded, calls, says, submits
from tests.doubles.tools import Work, WorkArgs
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

LONG = "All of what the tool found. " * 400
TURNS = 12
OVERLOADED = ScriptedFault(fault=Fault.OVERLOAD)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Finds(Work):
    """A tool that always finds much."""

    async def run(self, args: WorkArgs, ctx: ToolContext) -> ToolOutput:
        return ToolOutput(text=LONG, summary="much")


class Narrow(Recorded):
    """A model that takes in no more than its window, and plays on whatever it no longer sees."""

    def __init__(self, script: Sequence[Turn], window: int, *, tells: bool, summary: Turn) -> None:
        super().__init__({"*": []})
        self._window = window
        self._tells = tells
        self._summary = summary
        self._turns = iter(script)

    @property
    def context(self) -> int | None:
        return self._window if self._tells else None

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        if size(request.messages) / CHARS_A_TOKEN > self._window:
            raise ModelError("prompt is too long", fault=Fault.CONTEXT_OVERFLOW)
        turn = self._summary if request.agent == "summary" else next(self._turns)
        self._inner = Scripted.of({"*": [turn]}, loop=True)
        async with super().stream(request) as deltas:
            yield deltas


def size(messages: Sequence[Message]) -> int:
    return sum(len(getattr(message, "text", "")) for message in messages)


def narrow(arrange: Arrange, window: int, *, tells: bool = True, fast: bool = True) -> Crew:
    crew = arrange([])
    turns = [calls("work", text=f"Turn {turn}.") for turn in range(TURNS)]
    summary = says("It read twelve files.") if fast else Turn(error=OVERLOADED)
    crew.model = Narrow([*turns, submits()], window, tells=tells, summary=summary)
    crew.tools = {"work": Finds()}
    crew.agent("worker")
    return crew


def model_saw(crew: Crew) -> list[Message]:
    return list(crew.model.of("work")[-1].messages)


async def test_old_outputs_are_shortened_first_with_where_the_whole_is(arrange: Arrange) -> None:
    crew = narrow(arrange, 40_000)
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    results = [entry for entry in model_saw(crew) if isinstance(entry, ToolResultEntry)]
    assert len(results) == TURNS
    assert len(results[0].text) < 600
    assert results[-1].text == LONG
    name = results[0].text.rpartition("artifact:")[2].rstrip("]")
    assert (crew.folder.artifacts / name).read_text() == LONG
    (cut, *_) = (entry for entry in crew.transcript() if isinstance(entry, ContextEntry))
    assert "old outputs shortened" in cut.text


async def test_older_turns_are_summarised_by_the_fast_model(arrange: Arrange) -> None:
    crew = narrow(arrange, 9_000)
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    seen = [entry.text for entry in model_saw(crew) if isinstance(entry, UserEntry)]
    assert seen[1] == f"{SUMMARY}\n\nIt read twelve files."
    assert "Do it." in seen[0]


async def test_without_a_fast_model_older_turns_are_left_out_with_a_word(arrange: Arrange) -> None:
    crew = narrow(arrange, 9_000, fast=False)
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    seen = [entry.text for entry in model_saw(crew) if isinstance(entry, UserEntry)]
    assert seen[1] == GONE


async def test_an_overflow_that_was_not_foreseen_is_cut_and_asked_again(arrange: Arrange) -> None:
    crew = narrow(arrange, 20_000, tells=False)
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert any(isinstance(entry, ContextEntry) for entry in crew.transcript())


async def test_what_can_not_be_cut_ends_with_its_hint(arrange: Arrange) -> None:
    crew = narrow(arrange, 10, tells=False)
    outcome = await crew.finish()
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "prompt is too long" in outcome.error.message


@pytest.mark.parametrize("window", [9_000, 14_000, 25_000, 40_000])
async def test_the_transcript_gives_exactly_what_the_model_saw(
    arrange: Arrange, window: int
) -> None:
    crew = narrow(arrange, window)
    await crew.finish()
    seen = model_saw(crew)
    entries: list[Any] = list(crew.transcript())
    last = next(place for place, entry in enumerate(entries) if entry == seen[-1])
    kept = [entry for entry in entries[: last + 1] if is_message(entry)]
    told = [entry for entry in entries if isinstance(entry, ContextEntry)]
    rebuilt = cuts_of(told).apply(kept)
    assert [entry.model_dump() for entry in rebuilt] == [entry.model_dump() for entry in seen]


@pytest.mark.parametrize("window", [9_000, 14_000, 25_000])
async def test_calls_keep_their_results_and_a_steer_stays(arrange: Arrange, window: int) -> None:
    crew = narrow(arrange, window)
    async with crew.start() as run:
        await crew.model.asked(2)
        await crew.send(Steer(id=crew.id(), session="work", text="Mind the tests."))
        await run.wait()
    seen = model_saw(crew)
    called = [entry.call_id for entry in seen if isinstance(entry, ToolCallEntry)]
    answered = [entry.call_id for entry in seen if isinstance(entry, ToolResultEntry)]
    assert called == answered
    assert [entry.text for entry in seen if isinstance(entry, SteerEntry)] == ["Mind the tests."]
