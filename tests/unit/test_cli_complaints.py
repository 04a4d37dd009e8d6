import re
from pathlib import Path

import pytest

from crew.cli.complaints import complain, complain_of, complain_of_bug, sole_error
from crew.errors import DefinitionError, RunNotFoundError


def test_an_error_is_one_line_and_its_mend(capsys: pytest.CaptureFixture[str]) -> None:
    complain_of(RunNotFoundError("no run 'x'", hint="see crew ps"))
    assert capsys.readouterr().err == "crew: Run: no run 'x'\n  see crew ps\n"


def test_further_lines_of_a_message_stand_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    complain_of(DefinitionError("a.md:1:1: bad\nb.md:2:3: worse"))
    assert capsys.readouterr().err == "crew: Definitions: a.md:1:1: bad\n  b.md:2:3: worse\n"


def test_a_message_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain("Title", "a\x1b[2Jb", "c\x1b]0;x\x07d")
    assert capsys.readouterr().err == "crew: Title: ab\n  cd\n"


def test_a_bug_is_named_as_one_and_its_traceback_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("CREW_DEBUG", raising=False)
    complain_of_bug(_raised())
    shown = capsys.readouterr().err
    assert shown.startswith("crew: Unexpected: KeyError: 'lost'\n  this is a bug in crew; ")
    assert "Traceback" not in shown
    kept = re.search(r"the details are in (\S+)", shown)
    assert kept
    assert "Traceback" in Path(kept[1]).read_text(encoding="utf-8")


def test_a_bug_on_a_disk_that_is_full_is_told_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    complain_of_bug(_raised())
    assert "CREW_DEBUG=1 shows them" in capsys.readouterr().err


def test_crew_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CREW_DEBUG", "1")
    complain_of_bug(_raised())
    assert capsys.readouterr().err.startswith("Traceback")


def test_the_one_error_of_nested_groups_is_found() -> None:
    inner = ValueError("x")
    assert sole_error(ExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner
    several = ExceptionGroup("a", [inner, KeyError("y")])
    assert sole_error(several) is several
    assert sole_error(inner) is inner


def _raised() -> KeyError:
    try:
        raise KeyError("lost")
    except KeyError as error:
        return error
