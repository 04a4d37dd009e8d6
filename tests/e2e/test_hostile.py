"""Repositories that are hard to read: nothing stops the review, and nothing is lost."""

import os
from collections.abc import Callable

import pytest

from tests.doubles.repository import Repository
from tests.e2e.installed import Installed

UNUSED = "import os\n"
"""A file with one thing to find, on line 1."""
PASSWORD = 'password = "hunter2-Zq8vK3xW"\n'
"""A line with one thing to find, in a file of any language."""


def _empty_file(repository: Repository) -> None:
    repository.write("empty.py", "")


def _huge_line(repository: Repository) -> None:
    repository.write("huge.js", f'const x = "{"a" * 3_000_000}";\n')


def _sparse_giants(repository: Repository) -> None:
    for name in ("giant.bin", "giant.py"):
        with (repository.root / name).open("wb") as file:
            file.truncate(2_000_000_000)


def _links_that_loop(repository: Repository) -> None:
    (repository.root / "loop").symlink_to("loop")
    (repository.root / "self").symlink_to(".")
    (repository.root / "nowhere").symlink_to("gone")
    (repository.root / "outside.py").symlink_to("/etc/passwd")


def _pipe(repository: Repository) -> None:
    os.mkfifo(repository.root / "pipe.py")


def _binary(repository: Repository) -> None:
    repository.write("image.png", bytes(range(256)) * 100)
    repository.commit("Image")
    repository.write("image.png", bytes(range(255, -1, -1)) * 100)


def _other_encoding(repository: Repository) -> None:
    repository.write("latin.py", 'name = "caf\u00e9"\n'.encode("latin-1"))
    repository.write("wide.py", "x = 1\n".encode("utf-16"))


def _control_characters(repository: Repository) -> None:
    repository.write("a\x1b[2J\nb.py", "x = 1\n")


def _deletion(repository: Repository) -> None:
    (repository.root / "ledger.py").unlink()


def _folder_in_place_of_a_file(repository: Repository) -> None:
    (repository.root / "ledger.py").unlink()
    repository.write("ledger.py/part.py", "x = 1\n")


def _submodule(repository: Repository) -> None:
    inner = Repository(repository.root.parent / "inner")
    inner.write("inner.py", UNUSED)
    inner.commit()
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "inner"
    )
    repository.commit("Submodule")
    repository.write("inner/inner.py", UNUSED + PASSWORD)


def _unfinished_rebase(repository: Repository) -> None:
    repository.write(".git/rebase-merge/done", "pick 0\n")


def _unreadable_folder(repository: Repository) -> None:
    repository.write("locked/a.py", "x = 1\n")
    (repository.root / "locked").chmod(0)


HOSTILE: list[Callable[[Repository], None]] = [
    _empty_file,
    _huge_line,
    _sparse_giants,
    _links_that_loop,
    _pipe,
    _binary,
    _other_encoding,
    _control_characters,
    _deletion,
    _folder_in_place_of_a_file,
    _submodule,
    _unfinished_rebase,
    _unreadable_folder,
]


@pytest.mark.parametrize("make_hostile", HOSTILE, ids=lambda made: made.__name__.strip("_"))
def test_what_is_beside_it_is_found_all_the_same(
    crew: Installed, repository: Repository, make_hostile: Callable[[Repository], None]
) -> None:
    make_hostile(repository)
    repository.write("beside.py", UNUSED)
    try:
        done = crew.review()
    finally:
        for folder in repository.root.glob("locked"):
            folder.chmod(0o700)
    assert ("beside.py", 1, "F401") in done.places()
    assert "\x1b" not in done.out + done.err


def test_a_file_too_large_to_check_is_said_to_be_unchecked(
    crew: Installed, repository: Repository
) -> None:
    _sparse_giants(repository)
    assert "not checked: new files that can't be read or are too large" in crew.review().out


def test_lines_that_end_in_two_characters_keep_their_numbers(
    crew: Installed, repository: Repository
) -> None:
    repository.write("settings.ini", b"[a]\r\nb = 1\r\n")
    repository.commit("Settings")
    repository.write("settings.ini", b"[a]\r\nb = 1\r\n" + PASSWORD.strip().encode() + b"\r\n")
    assert ("settings.ini", 3, "secret") in crew.review().places()


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes(
    crew: Installed, repository: Repository
) -> None:
    (repository.root / os.fsdecode(b"n\xffme.ini")).write_text(PASSWORD)
    assert ("n\\xffme.ini", 1, "secret") in crew.review().places()


def test_a_renamed_file_is_reviewed_under_its_new_name(
    crew: Installed, repository: Repository
) -> None:
    repository.write("old.py", "".join(f"x{n} = {n}\n" for n in range(50)))
    repository.commit("Old")
    repository.git("mv", "old.py", "new.py")
    with (repository.root / "new.py").open("a") as file:
        file.write(UNUSED)
    places = crew.review().places()
    assert {(file, line) for file, line, rule in places if rule == "F401"} == {("new.py", 51)}


def test_both_sides_of_a_conflict_are_found(crew: Installed, repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    repository.write("ledger.py", "x = 1\n")
    repository.commit("One")
    repository.git("checkout", "--quiet", "main")
    repository.write("ledger.py", "x = 2\n")
    repository.commit("Two")
    with pytest.raises(AssertionError):
        repository.git("merge", "other")
    done = crew.review()
    assert done.outcome()["verdict"] == "request_changes"
    assert ("ledger.py", 1, "conflict-marker") in done.places()


def test_a_head_without_a_branch_is_no_obstacle(crew: Installed, repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--detach")
    repository.write("ledger.py", UNUSED)
    assert ("ledger.py", 1, "F401") in crew.review().places()


def test_a_review_from_a_subfolder_is_of_the_whole_change(
    crew: Installed, repository: Repository
) -> None:
    repository.write("deep/down/a.py", UNUSED)
    repository.write("b.py", UNUSED)
    done = crew.review(cwd=repository.root / "deep" / "down")
    assert {file for file, _, _ in done.places()} >= {"deep/down/a.py", "b.py"}
    assert (repository.root / ".crew").is_dir()
    assert not (repository.root / "deep" / "down" / ".crew").exists()


def test_a_repository_without_a_commit_is_all_new(crew: Installed, repository: Repository) -> None:
    fresh = Repository(repository.root.parent / "fresh")
    assert crew.review(cwd=fresh.root).places() == set()
    fresh.write("a.py", UNUSED)
    assert ("a.py", 1, "F401") in crew.review(cwd=fresh.root).places()


def test_tens_of_thousands_of_changed_files_are_reviewed(
    crew: Installed, repository: Repository
) -> None:
    for number in range(50_000):
        if number % 500 == 0:
            folder = repository.root / f"part{number // 500:03}"
            folder.mkdir()
        (folder / f"a{number}.txt").write_text("a line\n")
    (repository.root / "part050" / "last.ini").write_text(PASSWORD)
    done = crew.review(seconds=120)
    assert ("part050/last.ini", 1, "secret") in done.places()
