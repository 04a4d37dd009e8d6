"""What the text around a finding of ruff says for it and against it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from crew.tools.lint.finding import Finding, quoted
from crew.tools.lint.language import is_test
from crew.tools.lint.ruff_rules import WHY

_FUNCTION_HEAD = 60
"""Lines above a default in which its function begins."""
_LONGEST_CALL = 12

_SUPPRESSED = (
    (re.compile(r"S\d+"), re.compile(r"#\s*nosec\b")),
    (re.compile(r"S102|S307"), re.compile(r"#\s*pylint:\s*disable=[\w,\s-]*(?:exec|eval)-used")),
    (
        re.compile(r"F821"),
        re.compile(r"#\s*type:\s*ignore\[[^\]]*name-defined|\b(?:get_ipython|NameError)\b"),
    ),
    (re.compile(r"F811"), re.compile(r"#\s*type:\s*ignore\[[^\]]*no-redef")),
    (re.compile(r"S202"), re.compile(r"\bfilter\s*=")),
)
"""Rules, and what on the line says that its author knows, or took care."""
_FIXED_CODE = re.compile(r"\b(?:eval|exec)\(\s*[rb]?(?:\"[^\"]*\"|'[^']*')\s*[,)]")
_FROM_OUTSIDE = re.compile(
    r"\b(?:request|input|argv|params|query|form|payload|recv|cookies)\b", re.IGNORECASE
)
_MADE_NAMES = re.compile(
    r"\bglobals\(\)(?:\.update\(|\[[^\]]*\]\s*=)|^\s*\w+\s*=\s*globals\(\)|\bvars\(\)\["
    r"|(?<![.\w])exec\((?:[^,]*|.*\bglobals\(\))\)\s*$|\._convert_\("
)
"""What gives a module names that stand nowhere in its text."""
_BUILT = re.compile(r"(?<![\w])[rb]?f[\"']|[\"']\s*[%+]|\+\s*[rbf]?[\"']|\.format\(|\.join\(")
_CACHE = re.compile(r"cache|memo", re.IGNORECASE)
_DEFINITION = re.compile(r"\s*(?:(?:async\s+)?def|class|@)\b")
_ANNOTATED = re.compile(r"\bdef\b|->|^\s*\w+\s*:\s*[\w.\[\], |]+(?:=.*)?$(?<!,)")
_DEFAULT = re.compile(r"(\w+)\s*(?::[^=]*?)?=\s*(?:[\[{]|(?:list|dict|set)\()")
_PARAMETER = re.compile(r"\s*(\w+)\s*:")
_CHANGING = (
    r"append|extend|insert|add|update|setdefault|pop|popitem|remove|discard|clear|sort|reverse"
)


def in_context(findings: Iterable[Finding], lines: Sequence[str]) -> Iterator[Finding]:
    """The findings of one file as their lines bear them out, each with its line's text."""
    for found in findings:
        if found.line is None or found.line > len(lines):
            yield found
            continue
        line = lines[found.line - 1]
        if any(rule.fullmatch(found.rule) and why.search(line) for rule, why in _SUPPRESSED):
            continue
        weigh = _WEIGHED.get(found.rule)
        judged = weigh(found, lines) if weigh else found
        yield replace(judged, quote=quoted(line))


def _remark(found: Finding) -> Finding:
    return replace(found, priority="P3", confidence=min(found.confidence, 0.5))


def _undefined(found: Finding, lines: Sequence[str]) -> Finding:
    line = lines[(found.line or 1) - 1]
    if any(_MADE_NAMES.search(each) for each in lines):
        return found.demoted()
    name = re.search(r"`(\w+)`", found.title)
    called = name is not None and re.search(rf"\b{name[1]}\s*\(", line)
    postponed = "from __future__ import annotations" in lines
    if found.priority < "P2" and postponed and _ANNOTATED.search(line) and not called:
        body = found.body.replace(WHY["F821"], "The annotation names nothing.")
        return replace(found, priority="P2", confidence=0.7, body=body)
    return found


def _run_text(found: Finding, lines: Sequence[str]) -> Finding:
    line = lines[(found.line or 1) - 1]
    if _FIXED_CODE.search(line):
        return found.demoted()
    return replace(found, priority="P1") if _comes_from_outside(found, line) else found


def _shell(found: Finding, lines: Sequence[str]) -> Finding:
    """A command line that is built on the spot is worse than one that comes from elsewhere."""
    text = _call(lines, (found.line or 1) - 1)
    if found.priority > "P1" or _BUILT.search(text) or _FROM_OUTSIDE.search(text):
        return found
    title = "A shell reads a command line that comes from elsewhere"
    return replace(found, priority="P2", confidence=0.7, title=title)


def _call(lines: Sequence[str], at: int) -> str:
    """The lines of a call from where it begins to where its brackets are closed."""
    text = lines[at]
    for line in lines[at + 1 : at + _LONGEST_CALL]:
        if text.count("(") <= text.count(")"):
            break
        text += f"\n{line}"
    return text


def _loaded(found: Finding, lines: Sequence[str]) -> Finding:
    outside = _comes_from_outside(found, lines[(found.line or 1) - 1])
    return replace(found, priority="P1") if outside else found


def _comes_from_outside(found: Finding, line: str) -> bool:
    """Whether someone else's words reach the call on this line, in code that ships."""
    return found.changed and not is_test(found.file) and bool(_FROM_OUTSIDE.search(line))


def _defined_again(found: Finding, lines: Sequence[str]) -> Finding:
    """An import that is written twice does no harm, nor what a loop or a branch defines again."""
    line = found.line or 1
    first = re.search(r"from line (\d+)", f"{found.title} {found.body}")
    later = first is not None and int(first[1]) > line
    return found if _DEFINITION.match(lines[line - 1]) and not later else _remark(found)


def _not_awaited(found: Finding, lines: Sequence[str]) -> Finding:
    """The caller may await what is handed back."""
    return _remark(found) if re.match(r"\s*return\b", lines[(found.line or 1) - 1]) else found


def _returned(found: Finding, lines: Sequence[str]) -> Finding:
    """What a call gives back from `__init__` is None more often than not."""
    call = re.match(r"\s*return\s+[\w.]+\(", lines[(found.line or 1) - 1])
    return _remark(found) if call else found


def _shared_default(found: Finding, lines: Sequence[str]) -> Finding:
    """A default that nothing changes can be shared, and a cache is meant to be."""
    at = (found.line or 1) - 1
    names = _DEFAULT.findall(lines[at])
    if not names:  # its annotation spans lines
        above = (_PARAMETER.match(lines[number]) for number in range(at, max(-1, at - 5), -1))
        names = [match[1] for match in above if match][:1]
    body = _body(lines, at)
    risky = [name for name in names if not _CACHE.search(name)]
    return found if any(_is_changed(name, body, lines) for name in risky) else _remark(found)


def _body(lines: Sequence[str], at: int) -> list[str]:
    """The lines of the function around a default, its head included."""
    heads = range(at, max(-1, at - _FUNCTION_HEAD), -1)
    first = next((n for n in heads if re.match(r"\s*(?:async\s+)?def\b", lines[n])), None)
    if first is None:
        return []
    indent = _indent(lines[first])
    body = [lines[first]]
    for line in lines[first + 1 :]:
        if line.strip() and _indent(line) <= indent and line.strip()[0] not in ")]}#":
            break
        body.append(line)
    return body


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_changed(name: str, body: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether a function changes a value in place, hands it on, or keeps it where it is changed."""
    copied = re.compile(rf"^\s*{name}\s*=[^=]")
    if any(copied.match(line) and not line.rstrip().endswith(",") for line in body[1:]):
        return False
    handed_on = re.compile(rf"\b(?:return|yield)\s+{name}\s*(?:#|$)|\]\s*=\s*{name}\s*(?:#|$)")
    kept = re.compile(rf"^\s*self\.(\w+)\s*(?::[^=]+)?=\s*{name}\s*(?:#|$)")
    changed = _changes(rf"(?<![\w.]){name}")
    if any(changed.search(line) or handed_on.search(line) for line in body):
        return True
    attributes = [match[1] for match in map(kept.match, body) if match]
    return any(
        _changes(rf"\bself\.{attribute}").search("\n".join(lines)) for attribute in attributes
    )


def _changes(word: str) -> re.Pattern[str]:
    """What changes the value of an expression in place."""
    return re.compile(
        rf"{word}\.(?:{_CHANGING})\(|{word}\[[^\]\n]*\]\s*[-+|&*/]?=[^=]|{word}\s*[-+|&^]=[^=]"
        rf"|\bdel\s+{word}\["
    )


_WEIGHED: dict[str, Callable[[Finding, Sequence[str]], Finding]] = {
    "ASYNC105": _not_awaited,
    "B006": _shared_default,
    "F811": _defined_again,
    "F821": _undefined,
    "F822": _undefined,
    "PLE0101": _returned,
    "S102": _run_text,
    "S301": _loaded,
    "S302": _loaded,
    "S307": _run_text,
    "S602": _shell,
    "S605": _shell,
}
