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
    opened = [ref.name for ref in refs if ref is not None]
    assert asked[-2:] == opened


async def test_while_nothing_has_come_out_r_is_not_offered_and_says_so() -> None:
    app = observer(until(RUNNING), read_result=lambda _ref: VERDICT)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "r result" not in screen_text(app)[-1]
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, RunScreen)
        assert "there is no result yet" in screen_text(app)[-2]


async def test_a_result_that_cannot_be_read_says_so() -> None:
    def read(_ref: ArtifactRef) -> object:
        raise StoreError("its result can't be read: gone")

    app = observer(read_result=read)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert any("its result can't be read: gone" in line for line in screen_text(app))


async def test_a_result_without_findings_is_there_to_be_read() -> None:
    document = {"summary": "Written.", "document": "## How it works\n\n- it **splits**"}
    app = observer(read_result=lambda _ref: document)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        text = screen_text(app)
        assert any("review: result" in line for line in text)
        assert any("How it works" in line and "│" in line for line in text)
        assert any("it splits" in line for line in text)
        assert not any("finding" in line for line in text)


async def test_the_facts_of_a_result_are_lines_that_open() -> None:
    facts = [{"claim": "Opened here", "file": "db.py", "line": 7, "evidence": "the only connect"}]
    app = observer(read_result=lambda _ref: {"summary": "Found.", "answers": facts})
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        text = screen_text(app)
        assert any("answers  db.py:7  Opened here" in line for line in text)
        assert any("Enter shows all of it   o opens its file   Esc closes" in line for line in text)
        await pilot.press("enter")
        await settle(pilot)
        assert any("evidence: the only connect" in line for line in screen_text(app))


async def test_where_there_is_nothing_to_open_only_the_way_back_is_told() -> None:
    app = observer(read_result=lambda _ref: {"verdict": "approve", "summary": "", "findings": []})
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        (keys,) = [line.strip() for line in screen_text(app) if "Esc closes" in line]
        assert keys == "Esc closes"


def found_by(session: str, *titles: str) -> object:
    return {"findings": [{"title": f"{session} {title}", "priority": "P1"} for title in titles]}


RESULTS = {
    "code-review.result.json": VERDICT,
    "security-review~2.result.json": found_by("many", *"abcdefg"),
    "verify.result.json": VERDICT,
}


async def test_grave_findings_are_told_as_they_come_and_once() -> None:
    app = observer(read_result=lambda ref: RESULTS.get(ref.name, {}))
    async with app.run_test(size=(100, 60)) as pilot:
        await settle(pilot)
        story = [line.strip() for line in screen_text(app)]
    told = [line for line in story if "  P1  " in line]
    assert [line[10:] for line in told] == [
        "code-review       P1  ledger/split.py:3  Cents are lost",
        *[f"security-review~2  P1  many {title}" for title in "abcd"],
    ]
    assert any("and 3 more of priority P0 or P1" in line for line in story)
    place = story.index(told[0])
    assert "code-review       result: 2 findings" in story[place - 1]
    assert "A remark" not in "".join(story)


async def test_a_finding_leads_to_the_session_that_found_it() -> None:
    app = observer(read_result=lambda ref: RESULTS.get(ref.name, {}))
    async with app.run_test(size=(100, 60)) as pilot:
        await settle(pilot)
        place = next(n for n, line in enumerate(screen_text(app)) if "Cents are lost" in line)
        await pilot.click(offset=(30, place))
        await pilot.click(offset=(30, place))
        await settle(pilot)
        assert app.stage is not None
        assert app.stage.session == "code-review"


async def test_a_result_that_cannot_be_read_has_no_findings_to_tell() -> None:
    def read(_ref: ArtifactRef) -> object:
        raise StoreError("gone")

    app = observer(read_result=read)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert not any("gone" in line for line in screen_text(app))
        assert any("run" in line and "done" in line for line in screen_text(app))
