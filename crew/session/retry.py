"""Retry: a model request that may succeed later is asked again, then the next model is tried."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from crew.entries import NoticeEntry
from crew.errors import ModelError
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.session.middleware import AskModel, Middleware, Stage

if TYPE_CHECKING:
    from crew.session.session import Session

ATTEMPTS = 4
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class ModelRetry(Middleware):
    """Waits with doubling and jitter, or as long as the provider asked.

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
                text = f"{error.message}; going on with {session.model.name}"
                session.append(NoticeEntry(text=text))

    async def _ask(self, session: "Session", request: ModelRequest, proceed: AskModel) -> Answer:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await proceed(request)
            except ModelError as error:
                if not error.fault.retryable or attempt == ATTEMPTS:
                    raise
                wait = self._wait(attempt, error.retry_after)
                text = f"{error.fault.value}: {error.message}; again in {wait:.0f} s"
                session.append(NoticeEntry(text=text))
                await anyio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, attempt: int, asked: float | None) -> float:
        if asked is not None:
            return min(asked, LONGEST_WAIT)
        longest: float = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
        return longest * (0.5 + self._jitter() / 2)
