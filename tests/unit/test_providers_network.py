"""Connections to servers: read in turn with other streams, and over a proxy where one is named."""

from contextlib import ExitStack

import anyio
import anyio.lowlevel
import pytest

from crew.config import Config, Kind, ProviderConfig
from crew.entries import TextEntry
from crew.models.answer import Answer
from crew.models.providers.client import ProviderModel
from crew.models.providers.crowd import AT_ONCE, crowd
from crew.models.providers.names import resolve_name
from crew.testing import LoopbackProvider, Turn
from tests.doubles.providers import WIRES, ask, serving

every_wire = pytest.mark.parametrize("wire", WIRES)
ROUNDS = 50


@every_wire
async def test_an_answer_waits_while_others_are_worked_on(wire: Kind) -> None:
    answers: list[Answer] = []

    async def work(client: ProviderModel) -> None:
        answers.append(await ask(client))

    async with serving(wire, [Turn(text="Hi")]) as (client, provider):
        with ExitStack() as stack:
            places = [stack.enter_context(crowd().joined()) for _ in range(AT_ONCE)]
            for place in places:
                await place.enter()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work, client)
                await (await provider.asked()).gone.wait()
                for _ in range(ROUNDS):
                    await anyio.lowlevel.checkpoint()
                assert answers == []
                places[0].leave()
    assert len(answers) == 1


@every_wire
async def test_a_server_elsewhere_is_asked_over_the_proxy_of_the_environment(
    wire: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LoopbackProvider.serve([Turn(text="Hi")]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        config = Config(
            providers={"far": ProviderConfig(kind=wire, base_url="http://models.invalid/v1")}
        )
        client = ProviderModel(resolve_name("far:m", config, {}), environ={})
        answer = await ask(client)
        await client.aclose()
        (seen,) = proxy.received
    assert [part.text for part in answer.parts if isinstance(part, TextEntry)] == ["Hi"]
    assert seen.path.startswith("http://models.invalid/v1")


@every_wire
async def test_a_server_of_this_machine_is_asked_over_no_proxy(
    wire: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(wire, [Turn(text="Hi")]) as (client, _):
        answer = await ask(client)
    assert [part.text for part in answer.parts if isinstance(part, TextEntry)] == ["Hi"]
