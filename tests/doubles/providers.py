"""Ask a provider as a session does, and read what it was sent."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from crew.config import Kind, Price
from crew.entries import Message, Outcome, ToolCallEntry, ToolResultEntry, UserEntry
from crew.models.answer import Answer, AnswerBuilder
from crew.models.protocol import ModelRequest, Settings, ToolSchema
from crew.models.providers.client import DEADLINES, Deadlines, ProviderModel
from crew.models.providers.names import resolve_name
from crew.testing import LoopbackProvider, Raw, Reply
from crew.testing.loopback import KINDS

WIRES: tuple[Kind, ...] = KINDS
TOOLS = tuple(
    ToolSchema(
        name=name,
        description=f"The tool {name}.",
        parameters={"type": "object", "properties": {"path": {"type": "string"}}},
    )
    for name in ("read", "grep", "submit_result")
)
TASK = (UserEntry(text="Do the work."),)


@asynccontextmanager
async def serving(
    kind: Kind,
    replies: Sequence[Reply],
    *,
    deadlines: Deadlines = DEADLINES,
    price: Price | None = None,
    context: int | None = None,
) -> AsyncIterator[tuple[ProviderModel, LoopbackProvider]]:
    """A client, and the provider that it asks."""
    async with LoopbackProvider.serve(replies) as provider:
        target = resolve_name(provider.model(kind), provider.config, {})
        target = replace(target, endpoint=replace(target.endpoint, price=price, context=context))
        client = ProviderModel(target, deadlines=deadlines)
        try:
            yield client, provider
        finally:
            await client.aclose()


def request(
    messages: Sequence[Message] = TASK, *, system: str = "Be exact.", **settings: Any
) -> ModelRequest:
    """A request of a session with three tools."""
    return ModelRequest(
        system=system,
        messages=messages,
        tools=TOOLS,
        agent="worker",
        session="work",
        settings=Settings(**settings),
    )


async def ask(client: ProviderModel, messages: Sequence[Message] = TASK, **settings: Any) -> Answer:
    """One whole answer."""
    ids = count(1)
    builder = AnswerBuilder(new_id=lambda: f"new-{next(ids)}")
    async with client.stream(request(messages, **settings)) as deltas:
        async for delta in deltas:
            builder.add(delta)
    return builder.finish()


def results(answer: Answer, text: str = "data") -> list[Message]:
    """The answer's parts, and a result for each of its calls."""
    calls = [part for part in answer.parts if isinstance(part, ToolCallEntry)]
    return [
        *answer.parts,
        *(
            ToolResultEntry(call_id=call.call_id, tool=call.tool, outcome=Outcome.OK, text=text)
            for call in calls
        ),
    ]


def html(status: int = 200) -> Raw:
    """A page of a proxy in the place of an answer."""
    return Raw(
        pieces=[b"<html><body>502 Bad gateway</body></html>\n"],
        status=status,
        headers={"Content-Type": "text/html"},
    )
