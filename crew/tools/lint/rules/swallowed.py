"""Errors that are caught and dropped without a word."""

import re
from collections.abc import Iterator

from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_BRACED = frozenset(
    {"javascript", "typescript", "java", "kotlin", "csharp", "php", "c", "dart", "scala", "swift"}
)
_EMPTY_CATCH = re.compile(
    r"\bcatch\b\s*(?:\((?P<caught>[^()]{0,200}(?:\([^()]{0,200}\))?[^()]{0,200})\)\s*)?(?:when\s*\([^)]*\)\s*)?"
    r"\{(?P<body>\s*)\}"
)
_EMPTY_PROMISE = re.compile(
    r"\.catch\(\s*+(?:\(\s*+\w*+\s*+\)|\w++)\s*+=>\s*(?:\{\s*\}|null|undefined|void 0)\s*\)"
)
_MEANT = re.compile(r"\b(?:ignored?|expected|unused|_+)\s*$", re.IGNORECASE)
_PYTHON_EXCEPT = re.compile(
    r"^(?P<indent>\s*)except(?:\s*+\(?\s*+(?:builtins\.)?(?:Base)?Exception\b\s*\)?(?:\s+as\s+\w+)?)?\s*:"
    r"\s*(?P<body>\S.*)?$"
)
_NOTHING = frozenset({"pass", "...", "continue"})
_CLEANUP = re.compile(
    r"\b(?:a?close\w*|detach|unlink|remove|rmtree|kill|terminate|cancel|shutdown|stop|disconnect"
    r"|flush|release|cleanup|detach|dispose|wait|\w*wipe\w*)\(|^del\s|^import\s|^from\s"
)
_GUARD = re.compile(r"(?:async\s+)?(?:if|with|await|for)\b.*:$|await\s+\w+$|else:$")
_ONE_VALUE = re.compile(r"[\w.\[\], ]+(?::\s*[^=]+)?=[^=]")
_GO_DROPPED = re.compile(r"^\s*_\s*=\s*(?:err|\w+Err|e)\s*$")
_GO_EMPTY_IF = re.compile(r"\bif\s++(?:[^{};\n]{0,200};\s*)?err\s*!=\s*nil\s*\{\s*\}")
_RUBY_RESCUE = re.compile(r"^\s*rescue(?:\s+(?:StandardError|Exception))?(?:\s*=>\s*\w+)?\s*$")


def _hit(line: int, end_line: int, how: str, *, often_meant: bool = False) -> Hit:
    return Hit(
        line=line,
        end_line=end_line if end_line > line else None,
        title="An error is swallowed",
        body=f"{how}, so that a failure here leaves no trace. Handle it, let it pass on, or log "
        "it; if dropping it is right, catch only what is expected and say why.",
        priority="P3" if often_meant else None,
        confidence=0.4 if often_meant else 0.7,
    )


def _braced(file: SourceFile) -> Iterator[Hit]:
    if file.language not in _BRACED:
        return
    for match in _EMPTY_CATCH.finditer(file.code_text):
        first, last = file.line_at(match.start()), file.line_at(match.end() - 1)
        if _MEANT.search(match["caught"] or "") or file.comment_on(first, last):
            continue
        yield _hit(first, last, "The catch block is empty", often_meant=not match["caught"])
    if file.language in {"javascript", "typescript"} and not file.is_test:
        for match in _EMPTY_PROMISE.finditer(file.code_text):
            first, last = file.line_at(match.start()), file.line_at(match.end() - 1)
            if not file.comment_on(first, last):
                yield _hit(first, last, "The promise's rejection is dropped", often_meant=True)


def _python(file: SourceFile) -> Iterator[Hit]:
    if file.language != "python":
        return
    for number, line in enumerate(file.code, 1):
        match = _PYTHON_EXCEPT.match(line)
        if match is None:
            continue
        last = _only_statement(file, number, match)
        if last is not None and not file.comment_on(number, last):
            meant = _is_attempt(file, number, last)
            how = "Every exception is caught and nothing is done with it"
            yield _hit(number, last, how, often_meant=meant)


def _only_statement(file: SourceFile, number: int, match: re.Match[str]) -> int | None:
    """The line of the handler's `pass`, when that is all that the handler does."""
    if match["body"]:
        return number if match["body"].strip() in _NOTHING else None
    indent = len(match["indent"])
    body: list[int] = []
    for after in range(number + 1, len(file.code) + 1):
        text = file.code[after - 1]
        if not text.strip():
            continue
        if len(text) - len(text.lstrip()) <= indent:
            break
        body.append(after)
        if len(body) > 1:
            return None
    alone = len(body) == 1 and file.code[body[0] - 1].strip() in _NOTHING
    return body[0] if alone else None


def _is_attempt(file: SourceFile, number: int, last: int) -> bool:
    """Whether the `try` may fail by design: what follows does without, or it only cleans up."""
    indent = _indent(file.code[number - 1])
    tried = _tried(file, number, indent)
    following = next((text for text in file.code[last:] if text.strip()), "")
    goes_on = _indent(following) == indent and bool(following.strip())
    if following.strip() == "else:" and goes_on:
        return True
    only = tried[0] if len(tried) == 1 else ""
    if tried and all(_CLEANUP.search(text) for text in tried if not _GUARD.match(text)):
        return True
    returns = bool(tried) and tried[-1].startswith("return ")
    in_loop = file.code[last - 1].strip() == "continue"
    return (returns and (goes_on or in_loop)) or bool(_ONE_VALUE.match(only))


def _tried(file: SourceFile, number: int, indent: int) -> list[str]:
    """The statements' lines between `try:` and the handler, which stand one step deeper."""
    tried: list[str] = []
    for text in reversed(file.code[: number - 1]):
        if not text.strip():
            continue
        if _indent(text) <= indent:
            return tried[::-1] if text.strip() == "try:" else []
        tried.append(text.strip())
    return []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _go(file: SourceFile) -> Iterator[Hit]:
    if file.language != "go":
        return
    for number in sorted(file.added):
        if _GO_DROPPED.match(file.code[number - 1]) and not file.comment_on(number, number):
            yield _hit(number, number, "The error is assigned to nothing")
    for match in _GO_EMPTY_IF.finditer(file.code_text):
        first, last = file.line_at(match.start()), file.line_at(match.end() - 1)
        if not file.comment_on(first, last):
            yield _hit(first, last, "The error is checked and nothing follows")


def _ruby(file: SourceFile) -> Iterator[Hit]:
    if file.language != "ruby":
        return
    for number, line in enumerate(file.code, 1):
        if not _RUBY_RESCUE.match(line):
            continue
        following = [
            (after, file.code[after - 1].strip())
            for after in range(number + 1, min(number + 4, len(file.code) + 1))
            if file.code[after - 1].strip()
        ]
        words = [text for _, text in following[:2]]
        if words[:1] == ["end"] or words == ["nil", "end"]:
            last = following[0][0]
            if not file.comment_on(number, last):
                yield _hit(number, last, "Every error is rescued and nothing is done with it")


def _check(file: SourceFile) -> Iterator[Hit]:
    for part in (_braced, _python, _go, _ruby):
        yield from part(file)


RULES = (Rule(id="swallowed-error", profile="quality", priority="P2", check=_check),)
