"""A model double: plays a script, and remembers what it was asked."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import anyio

from crew.errors import Fault
from crew.models.protocol import Delta, ModelRequest
from crew.models.script import Call, ScriptedFault, Turn
from crew.models.scripted import Scripted

OK = {"summary": "done"}
BROKEN = Turn(error=ScriptedFault(fault=Fault.BAD_REQUEST, message="no such thing"))
"""A request that fails for good."""


class Recorded:
    """A scripted model whose requests a test can look at and wait for."""

    note = ""

    def __init__(self, agents: Mapping[str, Sequence[Turn]], *, loop: bool = False) -> None:
        self._inner = Scripted.of(agents, loop=loop)
        self.requests: list[ModelRequest] = []
        self._asked = anyio.Event()

    def mend(self, agents: Mapping[str, Sequence[Turn]]) -> None:
        """Play another script from now on."""
        self._inner = Scripted.of(agents)

    @property
    def name(self) -> str:
        """The name that selects it."""
        return "recorded"

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """Remember the request as it is now, and play."""
        self.requests.append(replace(request, messages=tuple(request.messages)))
        self._asked.set()
        self._asked = anyio.Event()
        return self._inner.stream(request)

    async def asked(self, times: int) -> None:
        """Wait until that many requests were made."""
        while len(self.requests) < times:
            await self._asked.wait()

    def of(self, session: str) -> list[ModelRequest]:
        """The requests of one session."""
        return [request for request in self.requests if request.session == session]


def says(text: str, *, pace: float = 0, chunk: int | None = None, delay: float = 0) -> Turn:
    """A turn of words only."""
    return Turn(text=text, pace=pace, chunk=chunk, delay=delay)


def calls(*tools: tuple[str, Mapping[str, object]] | str, text: str = "", delay: float = 0) -> Turn:
    """A turn that calls tools, in order."""
    named = [(tool, {}) if isinstance(tool, str) else (tool[0], dict(tool[1])) for tool in tools]
    return Turn(
        text=text, delay=delay, calls=tuple(Call(tool=name, args=args) for name, args in named)
    )


def works(seconds: float) -> Turn:
    """A turn that works for a while."""
    return calls(("work", {"seconds": seconds}))


def submits(value: Mapping[str, object] | None = None, *, delay: float = 0) -> Turn:
    """A turn that submits a result."""
    return calls(("submit_result", dict(value or OK)), delay=delay)
