"""The explorer play: a map of the change, or of the places that a question is about."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from crew.models.rules.extract import answers_to
from crew.models.rules.play import Call, Diary, Part, Turn
from crew.models.rules.review import submission
from crew.models.rules.talk import Talk
from crew.records import JsonObject

_PAGES = 12
_AREAS = 12
_ABOUT_CHANGE = re.compile(
    r"\b(change[sd]?|diff|under review|commit|branch|patch)\b", re.IGNORECASE
)
_ROW = re.compile(
    r"^(?P<letter>[ACDMRT]) (?P<path>.+?) (?:\+(?P<added>\d+) -(?P<removed>\d+)|binary)"
    r"(?:  \((?P<note>.*)\))?$"
)
_TOTALS = re.compile(r"^(\d+) files? changed, \+(\d+) -(\d+)$", re.MULTILINE)
_NEXT = re.compile(r"go on with diff=false, offset=(\d+)")
_WORDS = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "typechange",
}
_TEST = re.compile(r"(^|/)(tests?|__tests__|specs?|e2e)/|(^|/)test_|[._]test\.|[._]spec\.|Tests?\.")


def map_play(talk: Talk) -> Part[None]:
    """Map the change; a prompt that is not about a change gets the places it is about."""
    diary = Diary()
    if not _ABOUT_CHANGE.search(talk.step):
        found = yield from answers_to(talk, diary)
        summary = diary.told(found.summary)
        known: JsonObject = {"summary": summary, "files": [], "answers": found.claims}
        yield submission(talk, known, summary)
        return
    changed = yield from _changed_files(talk, diary)
    if changed is None:
        # Without a result the reviewers behind this map are not asked to approve of nothing.
        yield Turn(diary.told("What is under review could not be found."))
        return
    totals, files = changed
    tests = [file["path"] for file in files if _TEST.search(file["path"])]
    summary = diary.told(_summary(totals, files, tests))
    known = {"summary": summary, "files": files, "tests": tests, "areas": _areas(files)}
    yield submission(talk, known, summary)


@dataclass(frozen=True, slots=True)
class _Totals:
    """What is compared, in words, and how much of it changed, listed or not."""

    title: str
    files: int = 0
    added: int = 0
    removed: int = 0

    @classmethod
    def of(cls, reply: str) -> "_Totals":
        """Read the heading of `git_changes`."""
        match = _TOTALS.search(reply)
        numbers = map(int, match.groups()) if match else ()
        return cls(reply.partition("\n")[0], *numbers)


def _changed_files(talk: Talk, diary: Diary) -> Part[tuple[_Totals, list[JsonObject]] | None]:
    """What changed in all, and the files; None when git_changes can't tell."""
    if "git_changes" not in talk.tools:
        diary.note("the tool git_changes is not among this agent's tools")
        return _Totals("the change"), []
    files: list[JsonObject] = []
    totals = _Totals("the change")
    offset = 0
    for _ in range(_PAGES):
        call = Call("git_changes", {"diff": False} | ({"offset": offset} if offset else {}))
        words = "Mapping what changed." if not offset else f"{len(files)} files so far; reading on."
        (reply,) = yield Turn(words, (call,))
        if not reply.ok:
            diary.note(f"git_changes failed: {reply.text.strip()[:200]}")
            return (totals, files) if offset else None
        if not offset:
            totals = _Totals.of(reply.text)
        files += [_file(match) for match in map(_ROW.match, reply.text.split("\n")) if match]
        following = _NEXT.search(reply.text)
        if following is None:
            return totals, files
        offset = int(following[1])
    diary.note(f"only the first {len(files)} files are listed")
    return totals, files


def _file(match: re.Match[str]) -> JsonObject:
    path, note = match["path"], match["note"] or ""
    if match["letter"] in "RC" and " -> " in path:
        old, _, path = path.partition(" -> ")
        note = ", ".join(part for part in (f"was {old}", note) if part)
    if match["added"] is None:
        note = ", ".join(part for part in ("binary", note) if part)
    return {
        "path": path,
        "change": _WORDS[match["letter"]],
        "added": int(match["added"] or 0),
        "removed": int(match["removed"] or 0),
        "note": note,
    }


def _areas(files: Iterable[JsonObject]) -> list[JsonObject]:
    """The top folders by the lines that changed in them."""
    groups: dict[str, list[JsonObject]] = {}
    for file in files:
        folder, slash, _ = file["path"].partition("/")
        groups.setdefault(folder if slash else ".", []).append(file)
    ranked = sorted(groups.items(), key=lambda item: (-_lines(item[1]), item[0]))
    return [
        {
            "name": name,
            "paths": [file["path"] for file in group[:50]],
            "why": f"{_files(len(group))}, {_lines(group)} lines changed",
        }
        for name, group in ranked[:_AREAS]
    ]


def _lines(files: Iterable[JsonObject]) -> int:
    return sum(file["added"] + file["removed"] for file in files)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _summary(totals: _Totals, files: list[JsonObject], tests: list[str]) -> str:
    if not files:
        return f"Nothing has changed ({totals.title})."
    those = "them" if len(files) >= totals.files else "those listed"
    touched = f"{len(tests)} of {those} tests" if tests else f"no test among {those}"
    counts = f"{_files(totals.files)}, +{totals.added} -{totals.removed}"
    return f"{totals.title}: {counts}, {touched}."
