"""Retry: a model request that may succeed later is asked again, then the next model is tried."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from crew.entries import NoticeEntry
from crew.errors import Fault, ModelError
from crew.events import Notice
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.progress import Retry
from crew.session.middleware import AskModel, Middleware, Stage

if TYPE_CHECKING:
    from crew.session.session import Session

ATTEMPTS = 5
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
BUDGET = 300.0
"""Seconds that one request may wait in all; a provider that asks for more is left at once."""

_WORDS = {
    Fault.RATE_LIMIT: "rate limited",
    Fault.OVERLOAD: "overloaded",
    Fault.NETWORK: "no answer",
    Fault.TRUNCATED: "cut off",
    Fault.MALFORMED: "not understood",
}


class ModelRetry(Middleware):
    """Waits with doubling and jitter, or as long as the provider asked.

    Each wait is told before it begins: to the transcript, and to who watches the run.

    Args:
        jitter: Gives a factor from 0 to 1; the wait is scaled to between its half and its whole.
    """

    stage = Stage.RESOLVE

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter

    async def model(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        """Ask until there is an answer, no model is left, or the fault is final."""
        while True:
            try:
                return await self._ask(session, request, proceed)
            except ModelError as error:
                if not session.next_model():
                    raise
                tell_person(session, f"{error.message}; going on with {session.model.name}")

    async def _ask(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        left = BUDGET
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await proceed(request)
            except ModelError as error:
                wait = self._wait(attempt, error.retry_after)
                if not error.fault.retryable or attempt == ATTEMPTS or wait > left:
                    raise
                left -= wait
                retry = Retry(
                    why=_WORDS[error.fault],
                    at=session.env.now() + timedelta(seconds=wait),
                    attempt=attempt + 1,
                    attempts=ATTEMPTS,
                )
                tell_person(session, _announcement(retry, error))
                await _sleep(session, wait, retry)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, attempt: int, asked: float | None) -> float:
        if asked is not None:
            return max(asked, 0.0)
        longest: float = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
        return longest * (0.5 + self._jitter() / 2)


async def _sleep(session: "Session", seconds: float, retry: Retry) -> None:
    """Wait, and show for as long as it lasts what for."""
    session.meter.retry = retry
    session.log.flush()
    try:
        await anyio.sleep(seconds)
    finally:
        session.meter.retry = None
        session.log.touch()


def _announcement(retry: Retry, error: ModelError) -> str:
    return (
        f"{retry.why}, again at {retry.at.astimezone():%H:%M:%S} "
        f"(try {retry.attempt} of {retry.attempts}): {error.message}"
    )


def tell_person(session: "Session", text: str) -> None:
    """Say something to who watches or reads the session, and not to its model."""
    session.append(NoticeEntry(text=text))
    session.record(Notice(text=text))
