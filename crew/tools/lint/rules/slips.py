"""Lines that are valid and never mean what they say."""

import re
from collections.abc import Iterator

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_LITERAL = r"(?:-?\d[\w.]*|true|false|null|NULL|nullptr|nil|undefined|\"[^\"]*\"|'[^']*')"

_ASSIGNED = (
    pattern(
        "javascript c java csharp php dart",
        rf"\bif\s*\(\s*!?\$?[\w.\[\]>$-]+\s*=\s*{_LITERAL}\s*\)",
        "A condition assigns instead of comparing",
        "`=` sets the variable, so that the branch is taken always or never. Compare with `==` "
        "or `===`.",
        confidence=0.9,
        in_tests="P2",
    ),
    pattern(
        "ruby",
        rf"^\s*(?:els)?if\s+@?\w+\s*=\s*{_LITERAL}\s*(?:then\s*)?$",
        "A condition assigns instead of comparing",
        "`=` sets the variable, so that the branch is taken always or never. Compare with `==`.",
        confidence=0.9,
    ),
)
_COMPARED = (
    pattern(
        "javascript",
        r"[=!]==?\s*NaN\b|(?<![\w.])NaN\s*[=!]==?",
        "Nothing equals NaN",
        "The comparison is the same for every value: NaN differs from itself too. Use "
        "`Number.isNaN`.",
        confidence=0.95,
    ),
    pattern(
        "javascript",
        r"\btypeof\s+[\w.\[\]]+\s*[=!]==?\s*[\"'`](?!undefined[\"'`]|object[\"'`]|boolean[\"'`]"
        r"|number[\"'`]|string[\"'`]|function[\"'`]|symbol[\"'`]|bigint[\"'`]|unknown[\"'`])",
        "typeof never gives this word",
        "The comparison is the same for every value, since `typeof` has no such answer.",
        seen="bare",
        confidence=0.9,
    ),
    pattern(
        "java",
        r"[\w)\]]\s*[=!]=\s*\"|\"\s*[=!]=\s*[\w(]",
        "Strings are compared by identity",
        "`==` asks whether both are one object, which equal strings need not be. Use `equals`.",
        confidence=0.85,
    ),
    pattern(
        "sql",
        r"(?i)\b(?:where|and|or|on|when|having)\b[^;=<>!]*(?:=|<>|!=)\s*null\b",
        "Nothing equals NULL",
        "A comparison with NULL is never true, so no row matches. Use `IS NULL` or `IS NOT NULL`.",
        confidence=0.9,
    ),
)
_CALLED = (
    pattern(
        "javascript",
        r"\.forEach\(\s*async\b",
        "forEach does not wait for what is async",
        "The calls run on by themselves: nothing waits for them, and their errors are lost. Use "
        "`for ... of` with `await`, or `await Promise.all(items.map(...))`.",
        priority="P2",
        confidence=0.75,
    ),
    pattern(
        "c",
        r"\bmemset\s*\([^,;]+,\s*sizeof\b[^;]*,\s*0\s*\)",
        "memset's value and size are swapped",
        "The size is 0, so that nothing is set. The value comes second, the size last.",
        confidence=0.95,
    ),
    pattern(
        "go",
        r"^\s*\w+,\s*_\s*:?=\s*(?:http\.(?:Get|Post|Head)|os\.(?:Open|OpenFile|Create)|sql\.Open"
        r"|net\.Dial\w*|http\.NewRequest)\(",
        "The error is thrown away, and the value is nil when there is one",
        "If the call fails, its first result is nil and the next use of it panics. Check the "
        "error first.",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "go",
        r"^\s*(?:json\.Unmarshal|yaml\.Unmarshal|xml\.Unmarshal|os\.WriteFile|os\.Rename)\(.*\)\s*$",
        "The error is not looked at",
        "The call gives an error and the line drops it, so that the code goes on with what was "
        "not read or written. Check it.",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "go",
        r"^\s*\w+,\s*_\s*:?=\s*\w+\.(?:Query|QueryContext|Prepare|PrepareContext|Begin)\(",
        "The error is thrown away, and the value is nil when there is one",
        "If the call fails, its first result is nil and the next use of it panics. Check the "
        "error first.",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "rust",
        r"(?<![\w!])(?:todo|unimplemented)!\s*[(\[{]",
        "A part is not written yet",
        "The program panics when it gets here.",
        priority="P2",
        confidence=0.85,
        in_tests=None,
    ),
    pattern(
        "kotlin",
        r"(?<![\w.])TODO\(",  # a function of its library, which this rule looks for
        "A part is not written yet",
        "The program throws when it gets here.",
        priority="P2",
        confidence=0.85,
        in_tests=None,
    ),
)

_CALL = re.compile(r"^\s*(?P<value>\w+),\s*(?P<error>err\w*)\s*:?=\s*[\w.]+\(.*\)\s*$")


def _deferred(file: SourceFile) -> Iterator[Hit]:
    """`defer resp.Body.Close()` between a call and the look at its error."""
    if file.language != "go":
        return
    for number in sorted(file.added):
        call = _CALL.match(file.code[number - 2]) if number > 1 else None
        line = file.code[number - 1].strip()
        if call and re.match(rf"defer\s+{call['value']}\.(?:Body\.)?Close\(\)", line):
            yield Hit(
                line=number,
                title=f"{call['value']} is used before its error is looked at",
                body=f"If the call failed, `{call['value']}` is nil and this panics when the "
                f"function returns. Check `{call['error']}` first.",
                confidence=0.9,
            )


RULES = (
    Rule(id="used-before-check", profile="quality", priority="P1", check=_deferred),
    Rule(id="assigned-condition", profile="quality", priority="P1", check=check_of(_ASSIGNED)),
    Rule(id="constant-comparison", profile="quality", priority="P1", check=check_of(_COMPARED)),
    Rule(id="misused-call", profile="quality", priority="P1", check=check_of(_CALLED)),
)
