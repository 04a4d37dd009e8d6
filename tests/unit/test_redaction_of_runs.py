"""Secrets reach no file of a run's folder, wherever in the run they come from."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from crew.commands import Cancel, Steer
from crew.errors import Fault
from crew.events import SessionStarted
from crew.models.script import ScriptedFault, Turn
from crew.orchestration.roster import GIST
from crew.records import JsonObject
from crew.service import LiveRun, RunRequest, list_runs, start
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput
from tests.doubles.crews import Crew, steady_sources
from tests.doubles.models import calls, submits
from tests.doubles.repository import Repository
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

KNOWN = {
    "DEPLOY_TOKEN": "correct-horse-4711-staple",
    "DB_PASSWORD": "pa\"ss\\word/93-with'quotes",
    "PIN_SECRET": "zwölf-Ümläute-0815-日本",
}
SHAPED = {
    "github": "gh" + "p_" + "A1b2C3d4E5" * 4,
    "api": "sk" + "-proj-" + "q1w2e3r4t5y6" * 3,
    "aws": "AK" + "IA" + "ABCDEFGH12345678",
}
SECRETS = {**KNOWN, **SHAPED}
PIECE = 14
"""Characters of a secret that are too many to show."""


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class LeakArgs(ToolArgs):
    """Arguments of `leak`."""

    note: str = ""
    lines: int = 1


class Leak(Tool[LeakArgs]):
    """Prints and returns every secret."""

    name = "leak"
    description = "Leak."
    effect = Effect.EXECUTE
    args = LeakArgs

    async def run(self, args: LeakArgs, ctx: ToolContext) -> ToolOutput:
        text = "".join(f"value={secret}\n" for secret in SECRETS.values())
        for line in text.splitlines():
            ctx.on_output(line)
            ctx.on_output("x" * 230 + line)
            await anyio.sleep(0.2)
        return ToolOutput(text=text * args.lines, summary=f"found {SECRETS['github']}")


@asynccontextmanager
async def running(crew: Crew, goal: str = "") -> AsyncIterator[LiveRun]:
    crew.tools["leak"] = Leak()
    crew.agent("worker", tools=["leak", "read", "work"])
    request = RunRequest(
        team="crew",
        goal=goal,
        workspace=crew.root,
        home=crew.root / ".crew",
        model="recorded",
        clients={"recorded": crew.model},
        tools=crew.tools,
        allow=("execute",),
    )
    async with start(request, sources=steady_sources(), environ=KNOWN) as run:
        crew.run = run
        yield run


def leaks(folder: Path, secrets: Mapping[str, str] = SECRETS) -> list[str]:
    """Which secret is in which file, as it is or escaped once or twice."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="backslashreplace")
        for name, secret in secrets.items():
            once = json.dumps(secret, ensure_ascii=False)[1:-1]
            twice = json.dumps(once, ensure_ascii=False)[1:-1]
            if any(form in text for form in (secret, once, twice, json.dumps(secret)[1:-1])):
                found.append(f"{name} in {path.relative_to(folder)}")
    return found


def pieces_of(secrets: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{name} from {at}": secret[at : at + PIECE]
        for name, secret in secrets.items()
        for at in range(len(secret) - PIECE + 1)
    }


EVERYTHING = "; ".join(SECRETS.values())


async def test_secrets_of_the_goal_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([submits()])
    async with running(crew, goal=f"deploy with {EVERYTHING}") as run:
        await run.wait()
    assert leaks(run.folder) == []
    assert "[redacted:" in list_runs(crew.root / ".crew")[0].goal


async def test_secrets_of_a_file_that_is_read_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([calls(("read", {"path": ".env"})), submits()])
    (crew.root / ".env").write_text("\n".join(SECRETS.values()))
    async with running(crew) as run:
        await run.wait()
    assert crew.results()[0] == ("read", "ok")
    assert leaks(run.folder) == []


async def test_secrets_that_a_tool_prints_or_returns_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([calls(("leak", {"note": SECRETS["aws"], "lines": 900})), submits()])
    async with running(crew) as run:
        await run.wait()
    assert crew.results()[0] == ("leak", "ok")
    assert any((run.folder / "artifacts").iterdir()), "the long output is an artifact"
    assert leaks(run.folder) == []


async def test_secrets_of_a_result_reach_neither_artifact_nor_report(arrange: Arrange) -> None:
    found = {"summary": EVERYTHING, "notes": list(SECRETS.values()), "deep": {"x": EVERYTHING}}
    crew = arrange([submits(found)])
    crew.workflow({"work": {"role": "worker"}, "next": {"role": "worker", "needs": ["work"]}})
    async with running(crew) as run:
        await run.wait()
    assert leaks(run.folder) == []
    assert "[redacted:" in (run.folder / "report.md").read_text()


async def test_secrets_of_what_people_say_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([calls(("work", {"seconds": 9})), calls(("work", {"seconds": 99})), submits()])
    async with running(crew) as run:
        await anyio.sleep(1)
        await crew.send(Steer(id=crew.id(), session="work", text=EVERYTHING))
        await anyio.sleep(20)
        await crew.send(Cancel(id=crew.id(), reason=EVERYTHING))
        await run.wait()
    assert crew.kinds().count("steer") == 1
    assert leaks(run.folder) == []


@pytest.mark.parametrize("room", [0, 4, 9, 13])
async def test_what_a_child_is_asked_shows_no_piece_of_a_secret(
    arrange: Arrange, room: int
) -> None:
    asked = f"{'x' * (GIST - PIECE - room)} {EVERYTHING}"
    spawned: tuple[str, dict[str, object]] = ("spawn_agent", {"agent": "worker", "prompt": asked})
    crew = arrange({"boss": [calls(spawned), submits()], "worker": [submits()]})
    crew.agent("boss", spawns=["worker"])
    crew.workflow({"work": {"role": "boss"}})
    crew.team({"boss": "boss"})
    async with running(crew) as run:
        await run.wait()
    (title,) = [event.title for event in crew.events_of(SessionStarted) if event.title]
    assert len(title) == GIST
    assert leaks(run.folder, pieces_of(SECRETS)) == []


async def test_secrets_of_an_error_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([Turn(error=ScriptedFault(fault=Fault.AUTH, message=f"bad {EVERYTHING}"))])
    async with running(crew) as run:
        await run.wait()
    assert leaks(run.folder) == []


async def test_secrets_of_definitions_reach_no_file(arrange: Arrange) -> None:
    crew = arrange([submits()])
    crew.workflow({"work": {"role": "worker", "prompt": f"Use {EVERYTHING}"}})
    async with running(crew) as run:
        await run.wait()
    assert leaks(run.folder) == []


@pytest.mark.parametrize("chunk", [1, 3, 7, 40])
@pytest.mark.parametrize("part", ["text", "thinking"])
async def test_secrets_that_a_model_streams_in_pieces_reach_no_file_at_any_time(
    arrange: Arrange, chunk: int, part: str
) -> None:
    words = " and then ".join(SECRETS.values()) + " and that was all of them"
    said = Turn.model_validate(
        {part: words, "text": words, "chunk": chunk, "pace": 0.11, "calls": submits().calls}
    )
    crew = arrange([said])
    pieces = pieces_of(SHAPED)
    async with running(crew) as run, anyio.create_task_group() as watching:

        async def watch() -> None:
            while True:
                assert leaks(run.folder) == []
                assert leaks(run.folder / "sessions", pieces) == []
                await anyio.sleep(1.7)

        watching.start_soon(watch)
        await run.wait()
        watching.cancel_scope.cancel()
    assert leaks(run.folder) == []
    assert "[redacted:" in (run.folder / "sessions" / "work.jsonl").read_text()


async def test_progress_shows_no_piece_of_a_secret(arrange: Arrange) -> None:
    words = " ".join(f"{'w' * 225} {secret}" for secret in SHAPED.values())
    crew = arrange([Turn(text=words, chunk=5, pace=0.2), submits()])
    pieces = pieces_of(SHAPED)
    async with running(crew) as run, anyio.create_task_group() as watching:

        async def watch() -> None:
            while True:
                shown = run.folder / "progress.json"
                assert not shown.exists() or leaks(run.folder, pieces) == []
                await anyio.sleep(0.6)

        watching.start_soon(watch)
        await run.wait()
        watching.cancel_scope.cancel()


@pytest.mark.parametrize("room", range(60, 125, 8))
async def test_no_preview_shows_a_piece_of_a_secret(arrange: Arrange, room: int) -> None:
    """A preview is cut; the cut may fall anywhere in a secret."""
    note = "w " * (room // 2) + SHAPED["api"]
    crew = arrange([calls(("leak", {"note": note})), submits({"summary": f"{note} {note}"})])
    async with running(crew) as run:
        await run.wait()
    assert leaks(run.folder, pieces_of(SHAPED)) == []


PLANTED = {
    "key": "q7Zr2mVx9" + "TnB4wKc8LpD",
    "chosen": "tr0ub4dor" + "&3x7",
    "address": "Qx7nnTr2" + "Lp9zz",
    "webhook": "T0ABCDEFG/B0ABCDEFG/" + "q7Zr2mVx9TnB4wKc8LpDq7Zr",
    "body": "MIIEpAIBAAKCAQEAx7Qz" + "uV9kLm2RtY8sWb3NcHd5GfJ6Pq1XoZe4TaUi0MvBnCrE",
}


def test_what_a_review_calls_a_secret_reaches_no_file(tmp_path: Path) -> None:
    repo = Repository(tmp_path)
    repo.write("app.py", "x = 1\n")
    repo.commit("start")
    hook = "https://hooks.slack.com/services/" + PLANTED["webhook"]
    repo.write(
        "app.py",
        f"""api_key = "{PLANTED["key"]}"
connect(password='{PLANTED["chosen"]}')
DSN = "postgres://crew:{PLANTED["address"]}@db.prod.internal/crew"
HOOK = "{hook}"
eval(input()); token = "{PLANTED["key"]}"
""",
    )
    repo.write("config.yml", f"db:\n  password: {PLANTED['chosen']}\n")
    repo.write("pem.txt", f"{PLANTED['body']}\n{PLANTED['body'][::-1]}\n")
    planted = {**PLANTED, "body read backwards": PLANTED["body"][::-1]}
    request = RunRequest(
        team="review", workspace=repo.root, home=repo.root / ".crew", model="rules"
    )

    async def review() -> tuple[Path, JsonObject]:
        async with start(request, environ={}) as run:
            outcome = await run.wait()
        assert isinstance(outcome.result, dict)
        return run.folder, outcome.result

    folder, result = anyio.run(review)
    secrets = [found for found in result["findings"] if found["rule"] == "secret"]
    assert [(found["file"], found["line"]) for found in secrets] == [
        ("app.py", 3),
        ("app.py", 4),
        ("app.py", 1),
        ("app.py", 5),
        ("app.py", 2),
        ("config.yml", 2),
    ]
    assert secrets[2]["quote"] == 'api_key = "[redacted:secret]"'
    assert result["dropped"] == []
    assert leaks(folder, planted) == []
