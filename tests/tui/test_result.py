"""The result of a run or a session over the screen."""

from crew.errors import StoreError
from crew.records import ArtifactRef
from crew.tui.run_screen import RunScreen
from tests.doubles.observers import observer, screen_text, settle, until

SIZE = (100, 30)
RUNNING = 35
"""The golden run while two sessions work."""

VERDICT = {
    "verdict": "request_changes",
    "summary": "One share is lost.",
    "findings": [
        {"title": "A remark", "priority": "P3", "file": "b.py", "line": 2},
        {
            "title": "Cents are lost",
            "body": "The rest is **dropped**.",
            "priority": "P1",
            "file": "ledger/split.py",
            "line": 3,
        },
    ],
}


async def test_r_shows_the_verdict_and_the_findings_of_a_run_that_is_over() -> None:
    asked: list[str] = []

    def read(ref: ArtifactRef) -> object:
        asked.append(ref.name)
        return VERDICT

    app = observer(read_result=read)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "r result" in screen_text(app)[-1]
        await pilot.press("r")
        await settle(pilot)
        text = "\n".join(screen_text(app))
        assert "review: request changes" in text
        assert "One share is lost." in text
        assert text.index("P1  ledger/split.py:3  Cents are lost") < text.index("P3  b.py:2")
        assert "The rest is dropped." not in text
        await pilot.press("enter")
        await settle(pilot)
        assert any("The rest is dropped." in line for line in screen_text(app))
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen)
        await pilot.press("g", "j", "enter")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert any("code-review: request changes" in line for line in screen_text(app))
    view = app.view
    refs = (view.result, view.sessions["code-review"].result)
    assert asked == [ref.name for ref in refs if ref is not None]


async def test_while_nothing_has_come_out_r_is_not_offered_and_does_nothing() -> None:
    app = observer(until(RUNNING), read_result=lambda _ref: VERDICT)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "r result" not in screen_text(app)[-1]
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen)


async def test_a_result_that_cannot_be_read_says_so() -> None:
    def read(_ref: ArtifactRef) -> object:
        raise StoreError("its result can't be read: gone")

    app = observer(read_result=read)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert any("its result can't be read: gone" in line for line in screen_text(app))
