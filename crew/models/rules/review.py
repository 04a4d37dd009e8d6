"""The review play: look at the change, run the checks of the role, submit what they found."""

import json
import re
from typing import Any

from crew.models.rules.findings import counted, sentence
from crew.models.rules.play import SUBMIT, Call, Diary, Part, Turn
from crew.models.rules.schema import filled
from crew.models.rules.talk import Talk
from crew.records import JsonObject

_PAGES = 15
_FEWEST = 25
_COUNT = re.compile(r"^(\d+) files? changed.*$", re.MULTILINE)


def review_play(talk: Talk) -> Part[None]:
    """Quality checks, or security checks for an agent whose name says so."""
    diary = Diary()
    profile = "security" if "security" in talk.agent else "quality"
    findings = yield from run_checks(talk, profile, diary)
    summary = diary.told(sentence(counted(findings)) if not diary.gaps else unfinished(findings))
    yield submission(talk, {"summary": summary, "findings": findings}, summary)


def run_checks(talk: Talk, profile: str, diary: Diary) -> Part[list[JsonObject]]:
    """What the tools `git_changes` and `lint` say of the change."""
    files = yield from _count_files(talk, diary)
    if files == 0:
        diary.empty = True
        return []
    if "lint" not in talk.tools:
        diary.gap("the tool lint is not among this agent's tools, so no check ran")
        return []
    what = "the change" if files is None else f"{files} changed file{'' if files == 1 else 's'}"
    findings: list[JsonObject] = []
    offset: int | None = 0
    limit = 200
    for _ in range(_PAGES):
        words = f"Running {profile} checks on {what}" if not findings else "Reading on"
        call = Call("lint", {"profile": profile, "offset": offset, "limit": limit})
        (reply,) = yield Turn(f"{words}.", (call,))
        if reply.ok and reply.cut and limit > _FEWEST:
            limit //= 4
            continue
        page = _page(reply.text) if reply.ok else None
        if page is None:
            diary.gap(f"the {profile} checks failed: {_first_line(reply.text)}")
            return findings
        findings += page["findings"]
        _note_checks(page, diary)
        offset = page.get("next")
        if offset is None:
            return findings
    diary.gap(f"only the first {len(findings)} findings were fetched")
    return findings


def unfinished(findings: list[JsonObject]) -> str:
    """What is known where a check is missing."""
    return f"Not everything could be checked; {counted(findings)} so far."


def submission(talk: Talk, known: JsonObject, text: str) -> Turn:
    """The turn that hands in a result, or says why it can't."""
    if talk.schema is None:
        return Turn(text)
    value = filled(talk.schema, known, text)
    if value is None:
        return Turn(f"{text} The result's schema asks for more than built-in checks can say.")
    return Turn("Submitting the result.", (Call(SUBMIT, value),))


def _count_files(talk: Talk, diary: Diary) -> Part[int | None]:
    if "git_changes" not in talk.tools:
        return None
    call = Call("git_changes", {"diff": False})
    (reply,) = yield Turn("Looking at what is under review.", (call,))
    if not reply.ok:
        diary.note(f"what is under review could not be found: {_first_line(reply.text)}")
        return None
    title = reply.text.partition("\n")[0]
    count = _COUNT.search(reply.text)
    files = int(count[1]) if count else None
    diary.reviewed = f"{title}, {count[0]}" if count and files else title
    return files


def _note_checks(page: JsonObject, diary: Diary) -> None:
    """Pass on what the checks say they left out; their first words only say what they are."""
    for remark in str(page.get("note", "")).split("; ")[1:]:
        diary.note(remark)
    for failed in page.get("failed") or ():
        diary.gap(str(failed))


def _page(text: str) -> JsonObject | None:
    try:
        page: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(page, dict) or not isinstance(page.get("findings"), list):
        return None
    return page


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0][:200].rstrip(".")
