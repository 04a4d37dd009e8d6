"""A repository's own definitions grant themselves nothing before its person has trusted them."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crew.definitions import Library
from crew.errors import CrewError, StoreError, UsageError
from crew.records import Status
from crew.service import default_library
from crew.service.trust import claims
from crew.service.trusted import TrustedFolder, read_trusted, revoke, trust
from tests.doubles.crews import Crew
from tests.doubles.definitions import agent
from tests.doubles.models import calls, submits
from tests.doubles.virtual_time import VIRTUAL, Backend
from tests.unit.conftest import Arrange

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def environ(isolated: Path) -> dict[str, str]:
    return {"HOME": str(isolated)}


def file_of(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"], ".config", "crew", "trusted.json")


def asking(arrange: Arrange) -> Crew:
    """A crew whose own team grants its worker to write."""
    crew = arrange([calls("writes"), submits()], allow=())
    crew.team({"worker": "worker"}, permissions=["write"])
    return crew


def trust_all(crew: Crew, environ: Mapping[str, str], at: Path | None = None) -> None:
    """What `crew trust --yes` does."""
    root = Path(os.path.realpath(at or crew.root))
    library = default_library(root, environ, tools=crew.tools)
    files = {
        file.name: file.source.sha256 for claim in claims(library, root) for file in claim.files
    }
    trust(root, TrustedFolder(at=NOON, files=files), environ)


async def refused(crew: Crew, environ: Mapping[str, str], **options: Any) -> CrewError:
    with pytest.raises(CrewError) as caught:
        async with crew.start(environ=environ, **options):
            pass
    assert not (crew.root / ".crew" / "runs").exists()
    return caught.value


async def test_a_trusted_team_gets_what_it_grants_itself(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    assert "crew trust" in (await refused(crew, environ)).hint
    trust_all(crew, environ)
    outcome = await crew.finish(environ=environ)
    assert outcome.status is Status.COMPLETED
    assert crew.results()[0] == ("writes", "ok")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (lambda crew: crew.agent("worker", max_turns=7), "agents/worker.md"),
        (lambda crew: crew.workflow({"work": {"role": "worker", "prompt": "!"}}), "workflows/"),
        (
            lambda crew: crew.team({"worker": "worker"}, permissions=["write", "execute"]),
            "teams/crew.md",
        ),
    ],
)
async def test_what_changes_after_it_was_trusted_is_named_and_asks_again(
    arrange: Arrange, environ: dict[str, str], changed: Any, name: str
) -> None:
    crew = asking(arrange)
    trust_all(crew, environ)
    changed(crew)
    error = await refused(crew, environ)
    assert "what you trusted has changed" in error.message
    assert f".crew/{name}" in error.message


async def test_a_change_of_an_agent_that_only_reads_asks_nothing(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    crew.agent("reader", tools=["read"])
    crew.team({"worker": "worker", "other": "reader"}, permissions=["write"])
    trust_all(crew, environ)
    crew.agent("reader", tools=["grep"])
    outcome = await crew.finish(environ=environ)
    assert outcome.status is Status.COMPLETED


async def test_an_agent_that_learns_to_write_after_the_trust_asks(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    crew.agent("reader", tools=["read"])
    crew.team({"worker": "worker", "other": "reader"}, permissions=["write"])
    trust_all(crew, environ)
    crew.agent("reader", tools=["write"])
    assert ".crew/agents/reader.md" in (await refused(crew, environ)).message


async def test_what_the_person_allows_needs_no_trust(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    outcome = await crew.finish(environ=environ, allow=("write",))
    assert outcome.status is Status.COMPLETED
    assert not file_of(environ).exists()


async def test_a_moved_folder_is_another_and_a_link_to_it_is_the_same(
    arrange: Arrange, environ: dict[str, str], tmp_path: Path
) -> None:
    crew = asking(arrange)
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / ".crew").rename(inner / ".crew")
    (tmp_path / "link").symlink_to(inner)
    crew.root = tmp_path / "link"
    trust_all(crew, environ, inner)
    assert (await crew.finish(environ=environ)).status is Status.COMPLETED
    inner.rename(tmp_path / "moved")
    crew.root = tmp_path / "moved"
    (crew.root / ".crew" / "runs").rename(tmp_path / "runs")
    assert "asks for write" in (await refused(crew, environ)).message


async def test_what_is_trusted_no_more_is_refused_again(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    trust_all(crew, environ)
    assert revoke(crew.root, environ)
    assert not revoke(crew.root, environ)
    await refused(crew, environ)


def shadowed(root: Path, text: str, name: str = "executor") -> Library:
    """The library of a folder that has its own agent of a bundled name."""
    path = root / ".crew" / "agents" / f"{name}.md"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return default_library(root, {})


def test_an_agent_in_the_place_of_a_bundled_one_does_not_inherit_what_its_team_may(
    tmp_path: Path,
) -> None:
    library = shadowed(tmp_path, agent("tools: [shell]", name="executor"))
    found = {claim.team: claim for claim in claims(library, tmp_path)}
    assert set(found) == {"fast-fix", "implementation"}
    assert [file.name for file in found["fast-fix"].files] == [".crew/agents/executor.md"]


def test_an_agent_in_the_place_of_a_bundled_one_that_only_reads_claims_nothing(
    tmp_path: Path,
) -> None:
    library = shadowed(tmp_path, agent("tools: [read]", name="reviewer"), "reviewer")
    assert claims(library, tmp_path) == ()


def test_a_workflow_in_the_place_of_a_trusted_teams_own_is_a_claim(tmp_path: Path) -> None:
    bundled = (Path(__file__).parents[2] / "workflows" / "fast-fix.md").read_text()
    path = tmp_path / ".crew" / "workflows" / "fast-fix.md"
    path.parent.mkdir(parents=True)
    path.write_text(bundled)
    (claim,) = claims(default_library(tmp_path, {}), tmp_path)
    assert (claim.team, [file.name for file in claim.files]) == (
        "fast-fix",
        [".crew/workflows/fast-fix.md"],
    )


async def test_definitions_behind_a_link_that_leads_out_of_the_folder_need_trust(
    arrange: Arrange, environ: dict[str, str], tmp_path: Path
) -> None:
    crew = arrange([submits()])
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / ".crew").symlink_to(tmp_path / ".crew")
    crew.root = workspace
    error = await refused(crew, environ)
    assert f"read {tmp_path / '.crew'}" in error.message
    assert "--allow" not in error.hint
    trust_all(crew, environ)
    assert (await crew.finish(environ=environ)).status is Status.COMPLETED


async def test_an_agent_whose_model_is_a_script_outside_of_the_folder_needs_trust(
    arrange: Arrange, environ: dict[str, str], tmp_path: Path
) -> None:
    crew = arrange([submits()])
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / ".crew").rename(workspace / ".crew")
    crew.root = workspace
    crew.agent("worker", model=[f"scripted:{tmp_path / 'secret.yaml'}"])
    error = await refused(crew, environ, model=None)
    assert f"read {tmp_path / 'secret.yaml'}" in error.message


# Where it is kept.


def test_trust_is_kept_for_this_user_only(tmp_path: Path, environ: dict[str, str]) -> None:
    before = os.umask(0)
    try:
        trust(tmp_path, TrustedFolder(at=NOON, files={"a": "b"}), environ)
    finally:
        os.umask(before)
    path = file_of(environ)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert read_trusted(environ) == {str(tmp_path): TrustedFolder(at=NOON, files={"a": "b"})}


def test_folders_that_are_trusted_at_the_same_time_are_all_kept(environ: dict[str, str]) -> None:
    folders = [Path(f"/folder-{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda at: trust(at, TrustedFolder(at=NOON, files={}), environ), folders))
    assert set(read_trusted(environ)) == {str(folder) for folder in folders}


def test_a_folder_whose_name_no_encoding_knows_is_trusted(environ: dict[str, str]) -> None:
    odd = Path(os.fsdecode(b"/odd-\xff"))
    trust(odd, TrustedFolder(at=NOON, files={}), environ)
    assert os.fspath(odd) in read_trusted(environ)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"v": 1, "folders": {"/x": {"at": "never", "files": {}}}}', "damaged"),
        ('{"v": 2, "folders": {}}', "newer crew"),
    ],
)
async def test_a_damaged_file_trusts_nobody_and_is_named(
    arrange: Arrange, environ: dict[str, str], text: str, said: str
) -> None:
    crew = asking(arrange)
    path = file_of(environ)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o600)
    error = await refused(crew, environ)
    assert isinstance(error, StoreError)
    assert said in error.message
    assert error.hint


async def test_a_file_that_others_may_write_trusts_nobody(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    trust_all(crew, environ)
    file_of(environ).chmod(0o666)
    assert "others may write" in (await refused(crew, environ)).message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_file_of_another_user_trusts_nobody(
    arrange: Arrange, environ: dict[str, str]
) -> None:
    crew = asking(arrange)
    trust_all(crew, environ)
    os.chown(file_of(environ), 12345, 12345)
    assert "belongs to user 12345" in (await refused(crew, environ)).message


def test_without_a_home_nothing_is_trusted_and_that_is_said(tmp_path: Path) -> None:
    assert read_trusted({}) == {}
    with pytest.raises(UsageError, match="no home folder"):
        trust(tmp_path, TrustedFolder(at=NOON, files={}), {})


def test_the_kept_file_is_as_documented(tmp_path: Path, environ: dict[str, str]) -> None:
    trust(tmp_path, TrustedFolder(at=NOON, files={".crew/teams/x.md": "0f"}), environ)
    assert json.loads(file_of(environ).read_text()) == {
        "v": 1,
        "folders": {
            str(tmp_path): {"at": "2026-11-21T12:00:00.000Z", "files": {".crew/teams/x.md": "0f"}}
        },
    }
