"""A team of one's own, tested without a key: through real SDKs, sockets and sessions."""

import json
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from crew.commands import Cancel, Pause, Resume, Steer
from crew.config import Config, Kind, Price
from crew.entries import Entry, NoticeEntry, UsageEntry
from crew.errors import Fault
from crew.events import Notice, SessionStarted
from crew.models.script import Call
from crew.records import Status, Usage
from crew.service import RunOutcome
from crew.testing import LoopbackProvider, Received, Reply, ScriptedFault, Turn
from crew.testing.loopback import KINDS
from tests.doubles.crews import Crew
from tests.unit.conftest import Arrange

every_kind = pytest.mark.parametrize("kind", KINDS)
SUBMITS = Turn(
    calls=(Call(tool="submit_result", args={"summary": "done"}),),
    usage=Usage(input_tokens=1000, output_tokens=10, cache_read_tokens=900),
)
WORKS = Turn(text="I work.", thinking="Hm.", calls=(Call(tool="work"),), chunk=3)


def own(provider: LoopbackProvider, kind: Kind, **settings: Any) -> Config:
    known = provider.config.providers[f"loopback-{kind}"]
    return Config(providers={"mine": known.model_copy(update=settings)})


async def finished(crew: Crew, kind: Kind, *replies: Reply, **settings: Any) -> RunOutcome:
    async with LoopbackProvider.serve(replies) as provider:
        config = own(provider, kind, **settings)
        return await crew.finish(model="mine:m", config=config)


def kinds(entries: list[Entry]) -> list[str]:
    return [entry.kind for entry in entries]


@every_kind
async def test_a_run_is_driven_by_a_real_provider_s_format(arrange: Arrange, kind: Kind) -> None:
    crew = arrange([])
    outcome = await finished(crew, kind, WORKS, SUBMITS, price=Price(input=1, output=1))
    assert outcome.status is Status.COMPLETED
    assert kinds(crew.transcript()) == [
        *("system", "user"),
        *("thinking", "text", "tool_call", "usage", "tool_result"),
        *("tool_call", "usage", "tool_result", "result"),
    ]
    last = [entry for entry in crew.transcript() if isinstance(entry, UsageEntry)][-1]
    assert (last.model, last.usage.cache_read_tokens) == ("mine:m", 900)
    assert last.usage.cost == pytest.approx(1010 / 1e6)
    assert [event.model for event in crew.events_of(SessionStarted)] == ["mine:m"]


async def test_a_level_of_thinking_that_is_not_sent_is_told_once(arrange: Arrange) -> None:
    crew = arrange([])
    crew.agent("worker", thinking="high")
    await finished(crew, "openai-chat", WORKS, SUBMITS)
    (notice,) = crew.events_of(Notice)
    assert notice.text.startswith("mine:m: thinking high is not sent")
    assert "extra_body in [providers.mine]" in notice.text


@pytest.mark.parametrize(
    ("kind", "level", "settings"),
    [
        ("anthropic", "high", {}),
        ("google", "low", {}),
        ("openai-chat", "off", {}),
        ("openai-chat", "high", {"extra_body": {"reasoning_effort": "high"}}),
    ],
)
async def test_nothing_is_told_of_thinking_that_is_sent_or_not_asked_for(
    arrange: Arrange, kind: Kind, level: str, settings: dict[str, Any]
) -> None:
    crew = arrange([])
    crew.agent("worker", thinking=level)
    await finished(crew, kind, SUBMITS, **settings)
    assert crew.events_of(Notice) == []


async def test_a_budget_holds_where_a_server_counts_no_tokens(arrange: Arrange) -> None:
    crew = arrange([])
    crew.agent("worker", budget={"tokens": 2_000}, max_turns=50)
    outcome = await finished(crew, "openai-chat", *[WORKS] * 50)
    assert outcome.status is Status.OVER_BUDGET
    used = [entry.usage for entry in crew.transcript() if isinstance(entry, UsageEntry)]
    assert all(usage.estimated and usage.cost is None for usage in used)
    assert 1 < len(used) < 40


async def test_a_key_of_the_config_is_in_no_file_of_the_run(arrange: Arrange) -> None:
    key = "plain-words-as-a-key"
    crew = arrange([])
    leaky = Turn(text=f"The key is {key}.", calls=(Call(tool="work", args={"name": key}),))
    fault = Turn(error=ScriptedFault(fault=Fault.OVERLOAD, message=f"no room for {key}"))
    outcome = await finished(crew, "openai-chat", leaky, fault, SUBMITS, api_key=SecretStr(key))
    assert outcome.status is Status.COMPLETED
    files = [path for path in crew.folder.root.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if key.encode() in path.read_bytes()] == []


@every_kind
async def test_the_key_goes_to_its_server(arrange: Arrange, kind: Kind) -> None:
    seen: list[Received] = []

    def reply(request: Received) -> Reply:
        seen.append(request)
        return SUBMITS

    async with LoopbackProvider.serve(reply) as provider:
        secret = SecretStr("the-key-itself")
        mine = own(provider, kind, api_key=secret, headers={"X-Team": "crew"})
        await arrange([]).finish(model="mine:m", config=mine)
    assert "the-key-itself" in json.dumps(dict(seen[0].headers))
    assert seen[0].headers["x-team"] == "crew"


async def test_extra_body_is_sent(arrange: Arrange) -> None:
    async with LoopbackProvider.serve([SUBMITS]) as provider:
        mine = own(provider, "openai-chat", extra_body={"top_k": 20})
        await arrange([]).finish(model="mine:m", config=mine)
        assert provider.received[0].body["top_k"] == 20


@every_kind
async def test_a_fault_that_may_pass_is_told_and_tried_again(arrange: Arrange, kind: Kind) -> None:
    crew = arrange([])
    limited = Turn(error=ScriptedFault(fault=Fault.RATE_LIMIT, retry_after=0))
    half = Turn(text="Half an answer", cut=True)
    outcome = await finished(crew, kind, limited, half, SUBMITS)
    assert outcome.status is Status.COMPLETED
    told = [entry.text for entry in crew.transcript() if isinstance(entry, NoticeEntry)]
    assert told[0].startswith("rate limited, again at ")
    assert told[1].startswith("cut off, again at ")
    assert len(crew.events_of(Notice)) == 2


@every_kind
async def test_a_final_fault_goes_to_the_next_model_with_the_history(
    arrange: Arrange, kind: Kind
) -> None:
    crew = arrange([])
    refused = Turn(error=ScriptedFault(fault=Fault.AUTH, message="bad key"))
    async with (
        LoopbackProvider.serve([WORKS, refused]) as first,
        LoopbackProvider.serve([SUBMITS]) as second,
    ):
        other: Kind = "anthropic" if kind == "openai-chat" else "openai-chat"
        config = Config(
            providers={
                "first": first.config.providers[f"loopback-{kind}"],
                "second": second.config.providers[f"loopback-{other}"],
            }
        )
        outcome = await crew.finish(model="first:m, second:m", config=config)
        sent = json.dumps(second.received[0].body)
    assert outcome.status is Status.COMPLETED
    assert "I work." in sent
    (told,) = (entry.text for entry in crew.transcript() if isinstance(entry, NoticeEntry))
    assert told.endswith("bad key; going on with second:m")


SLOW = Turn(text="word " * 10_000, chunk=5, pace=0.01)


@every_kind
@pytest.mark.parametrize("how", ["cancel", "hard pause"])
async def test_a_person_who_cuts_a_request_closes_its_connection(
    arrange: Arrange, kind: Kind, how: str
) -> None:
    crew = arrange([])
    async with LoopbackProvider.serve([SLOW, SUBMITS]) as provider:
        async with crew.start(model="mine:m", config=own(provider, kind)) as run:
            request = await provider.asked()
            await _streamed(crew)
            if how == "cancel":
                await crew.send(Cancel(id=crew.id()))
            else:
                await crew.send(Pause(id=crew.id(), session="work", hard=True))
            with anyio.fail_after(1):
                await request.gone.wait()
            if how == "hard pause":
                await crew.send(Resume(id=crew.id(), session="work"))
            outcome = await run.wait()
        assert request.closed_early
    assert outcome.status is (Status.CANCELLED if how == "cancel" else Status.COMPLETED)
    partial = [e for e in crew.transcript() if getattr(e, "partial", False)]
    assert len(partial) == 1


async def _streamed(crew: Crew) -> None:
    """Wait until some of the answer is there."""
    reader = crew.run.feed.transcript("work")
    with anyio.fail_after(10):
        async with crew.run.feed.subscribe() as items:
            async for _ in items:
                reader.poll()
                if reader.in_flight():
                    break
    reader.close()


async def test_a_steer_is_in_the_next_request(arrange: Arrange) -> None:
    crew = arrange([])
    slow = WORKS.model_copy(update={"pace": 0.05})
    async with LoopbackProvider.serve([slow, SUBMITS]) as provider:
        async with crew.start(model="mine:m", config=own(provider, "anthropic")) as run:
            await provider.asked()
            await crew.send(Steer(id=crew.id(), session="work", text="Mind the tests."))
            await run.wait()
        assert "Mind the tests." not in json.dumps(provider.received[0].body)
        assert "Mind the tests." in json.dumps(provider.received[1].body)


async def test_when_the_replies_have_run_out_the_error_says_so(arrange: Arrange) -> None:
    outcome = await finished(arrange([]), "openai")
    assert outcome.error is not None
    assert "the replies have run out" in outcome.error.message
