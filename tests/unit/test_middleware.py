"""The middleware chain: declared order, and observers that can't fail a call."""

import pytest

from crew.entries import NoticeEntry
from crew.models.answer import Answer
from crew.models.protocol import ModelRequest
from crew.records import Status
from crew.session.middleware import AskModel, Call, Middleware, Observer, RunTool, Stage
from crew.session.session import Session
from crew.tools.protocol import ToolOutput
from tests.doubles.models import calls, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Trace(Middleware):
    def __init__(self, name: str, stage: Stage, log: list[str]) -> None:
        self.name = name
        self.stage = stage  # type: ignore[misc]  # each instance of this double has its own
        self.log = log

    async def tool(self, session: Session, call: Call, proceed: RunTool) -> ToolOutput:
        self.log.append(f"> {self.name}")
        output = await proceed(call)
        self.log.append(f"< {self.name}")
        return output

    async def model(self, session: Session, request: ModelRequest, proceed: AskModel) -> Answer:
        self.log.append(f"model {self.name}")
        return await proceed(request)


class Broken(Observer):
    def saw_output(self, session: Session, call: Call, output: ToolOutput) -> None:
        raise RuntimeError(f"cannot look at {call.tool.name}")

    def saw_answer(self, session: Session, answer: Answer) -> None:
        raise RuntimeError("cannot look")


async def test_stages_wrap_each_other_and_keep_the_declared_order_within(
    arrange: Arrange,
) -> None:
    log: list[str] = []
    layers = (
        Trace("resolve", Stage.RESOLVE, log),
        Trace("first", Stage.INTERCEPT, log),
        Trace("second", Stage.INTERCEPT, log),
    )
    crew = arrange([calls("work"), submits()], middleware=layers)
    await crew.finish()
    assert log[:9] == [
        *("model first", "model second", "model resolve"),
        *("> first", "> second", "> resolve"),
        *("< resolve", "< second", "< first"),
    ]


async def test_an_observer_that_fails_is_noticed_and_the_call_stands(arrange: Arrange) -> None:
    crew = arrange([calls("work"), submits()], middleware=(Broken(),))
    outcome = await crew.finish()
    assert outcome.status is Status.COMPLETED
    assert crew.results() == [("work", "ok"), ("submit_result", "ok")]
    notices = [e.text for e in crew.transcript() if isinstance(e, NoticeEntry)]
    assert "Broken failed: RuntimeError: cannot look at work" in notices
