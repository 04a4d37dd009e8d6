"""`runner.log`: lines as they come, no secrets, and never more than it may hold."""

import io
import os
from pathlib import Path

import pytest

from crew.errors import StoreError
from crew.service.runner_log import NAME, RunnerLog
from crew.store.redact import Redactor
from tests.doubles.recordings import SECRET


def spoken(log: RunnerLog) -> io.TextIOWrapper:
    return io.TextIOWrapper(log, encoding="utf-8", errors="backslashreplace", write_through=True)


def test_lines_are_there_when_they_are_whole_and_the_rest_when_it_closes(tmp_path: Path) -> None:
    text = spoken(RunnerLog(tmp_path, redact=Redactor()))
    text.write("one\ntw")
    assert (tmp_path / NAME).read_text() == "one\n"
    text.write("o\n\udcff")
    assert (tmp_path / NAME).read_text() == "one\ntwo\n"
    text.close()
    assert (tmp_path / NAME).read_text() == "one\ntwo\n\\udcff\n"


def test_no_secret_reaches_it_in_however_many_pieces(tmp_path: Path) -> None:
    text = spoken(RunnerLog(tmp_path, redact=Redactor(['a"quoted-one'])))
    for letter in f'key {SECRET} and a"quoted-one\nnext {SECRET}':
        text.write(letter)
    text.close()
    assert (tmp_path / NAME).read_text() == (
        "key [redacted:github-token] and [redacted:env]\nnext [redacted:github-token]\n"
    )


def test_it_goes_on_in_a_new_file_and_keeps_the_one_before(tmp_path: Path) -> None:
    text = spoken(RunnerLog(tmp_path, redact=Redactor(), largest=1_000))
    for number in range(500):
        text.write(f"line {number}\n")
    text.close()
    older, newer = tmp_path / f"{NAME}.1", tmp_path / NAME
    assert max(older.stat().st_size, newer.stat().st_size) <= 1_000
    lines = (older.read_text() + newer.read_text()).splitlines()
    assert lines == [f"line {number}" for number in range(500 - len(lines), 500)]
    assert {path.stat().st_mode & 0o777 for path in (older, newer)} == {0o600}


def test_descriptors_that_point_to_it_follow_it_to_the_new_file(tmp_path: Path) -> None:
    other = os.open(os.devnull, os.O_WRONLY)
    log = RunnerLog(tmp_path, redact=Redactor(), largest=10, handles=(other,))
    log.attach()
    os.write(other, b"fatal\n")
    log.write(b"a long line\n")
    os.write(other, b"again\n")
    log.close()
    os.close(other)
    assert (tmp_path / f"{NAME}.1").read_text() == "fatal\n"
    assert (tmp_path / NAME).read_text() == "a long line\nagain\n"


def test_a_log_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"runner\.log"):
        RunnerLog(tmp_path / "gone", redact=Redactor())
