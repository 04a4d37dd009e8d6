"""Debugging that was left in: breakpoints and dumps always, prints only where they read like it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crew.tools.lint.finding import Priority
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile


@dataclass(frozen=True, slots=True)
class _Trace:
    """A call that people use while they look for a mistake."""

    languages: frozenset[str]
    pattern: re.Pattern[str]
    what: str
    priority: Priority
    confidence: float = 0.9


def _trace(
    languages: str, pattern: str, what: str, priority: Priority, confidence: float = 0.9
) -> _Trace:
    return _Trace(frozenset(languages.split()), re.compile(pattern), what, priority, confidence)


_SCRIPTS = "javascript typescript"
_CALLS = (
    _trace("python", r"^\s*breakpoint\(", "breakpoint()", "P1"),
    _trace(
        "python",
        r"\b(?:i?pdb|pudb|wdb)\.set_trace\(",
        "the debugger",
        "P1",
    ),
    _trace(_SCRIPTS, r"(?:^|[;{}])\s*debugger\s*(?:;|$)", "debugger", "P2"),
    _trace(
        "ruby", r"\bbinding\.(?:pry|irb|break)\b|^\s*(?:byebug|debugger)\s*$", "a breakpoint", "P1"
    ),
    _trace("csharp", r"\bDebugger\.(?:Break|Launch)\(\)", "a breakpoint", "P1"),
    _trace("elixir", r"\bIEx\.pry\b", "a breakpoint", "P1"),
    _trace("rust", r"(?<![\w!])dbg!\s*[(\[{]", "dbg!", "P2"),
    _trace("php", r"(?<![\w>:$])(?:var_dump|dd|xdebug_break)\s*\(", "a dump", "P2", 0.8),
    _trace("go", r"\b(?:spew|litter)\.Dump\(|\bruntime\.Breakpoint\(\)", "a dump", "P2", 0.8),
    _trace("java kotlin", r"\.printStackTrace\(\)", "printStackTrace()", "P3", 0.6),
)

_KNOWN = re.compile(r"#\s*noqa\b|pylint:\s*disable=[\w,\s-]*forgotten-debug|eslint-disable")
"""What says that the author means it."""

_PRINTS = {
    "python": r"^\s*print\((.*)",
    "javascript": r"(?<![\w.])console\.(?:log|debug|dir|trace)\((.*)",
    "typescript": r"(?<![\w.])console\.(?:log|debug|dir|trace)\((.*)",
    "go": r"(?<![\w.])(?:fmt\.Print(?:ln|f)?|println)\((.*)",
    "java": r"\bSystem\.(?:out|err)\.print(?:ln|f)?\((.*)",
    "kotlin": r"(?<![\w.])println\((.*)",
    "rust": r"(?<![\w])e?println!\((.*)",
    "ruby": r"^\s*(?:puts|pp?)\s+(.*)",
    "csharp": r"\bConsole\.Write(?:Line)?\((.*)",
    "php": r"^\s*(?:echo|print_r\()\s*(.*)",
    "swift": r"(?<![\w.])(?:debugPrint|print|NSLog)\((.*)",
}
_PRINT = {language: re.compile(pattern) for language, pattern in _PRINTS.items()}
_SAYS_SO = re.compile(
    r"""^[$@]?f?["'`]\s*(?:\[?DEBUG\b|debug(?:ging)?\s*[:\]-]|debug["'`]|DBG\b
    |(?:got\ |am\ |in\ )?here\b\W*\d*\W*["'`]|i'?m\ here|>{3,}|<{3,}|\*{4,}\s*\w|!{3,}|\#{4,}\s*\w
    |x{3,}\b|y{3,}\b|asdf|wtf\b|lol\b|foo(?:bar)?["'`]
    |test(?:ing)?\s?\d*["'`]|aaa+\b|remove\ me|delete\ me)"""
    r"""|^f["'][^"']{0,40}\{[\w.\[\]()]+=(?:![rs])?\}""",
    re.IGNORECASE | re.VERBOSE,
)
_CONSOLE_PLACE = re.compile(
    r"(^|/)(bin|cli|cmd|scripts?|tools?|examples?|demos?|benchmarks?|tasks|build)/"
    r"|(^|/)(cli|main)\."
    r"|log(ger|ging)?\.\w+$|\.config\.\w+$|(^|/)(gulpfile|gruntfile|webpack|vite|rollup)",
    re.IGNORECASE,
)


def _breakpoints(file: SourceFile) -> Iterator[Hit]:
    calls = [trace for trace in _CALLS if file.language in trace.languages]
    for number in sorted(file.added) if calls else ():
        if _KNOWN.search(file.lines[number - 1]):
            continue
        for trace in calls:
            if trace.pattern.search(file.code[number - 1]):
                yield Hit(
                    line=number,
                    title=f"Debugging left in: {trace.what}",
                    body=f"The change adds {trace.what}, which is meant for looking at a running "
                    "program and not for its users. Remove the line.",
                    priority="P3" if file.is_test and trace.priority != "P1" else trace.priority,
                    confidence=trace.confidence,
                )
                break


def _prints(file: SourceFile) -> Iterator[Hit]:
    pattern = _PRINT.get(file.language)
    for number in sorted(file.added) if pattern else ():
        code = pattern.search(file.code[number - 1]) if pattern else None
        if code is None or _KNOWN.search(file.lines[number - 1]):
            continue
        argument = file.bare[number - 1][code.start(1) :].strip()
        if _SAYS_SO.search(argument):
            yield _print_hit(number, "P3" if file.is_test else "P2", 0.8)
        elif _is_stray_console(file, argument):
            yield _print_hit(number, "P3", 0.4)


def _print_hit(number: int, priority: Priority, confidence: float) -> Hit:
    return Hit(
        line=number,
        title="Debugging left in: a print",
        body="The change adds output that reads like debugging. Remove it, or log it at a level "
        "that is off by default.",
        priority=priority,
        confidence=confidence,
    )


def _is_stray_console(file: SourceFile, argument: str) -> bool:
    """Whether a `console.log` shows bare values in a file that is no console program."""
    if file.language not in {"javascript", "typescript"} or file.is_test:
        return False
    if _CONSOLE_PLACE.search(file.path) or file.lines[0].startswith("#!"):
        return False
    if "process.argv" in file.text or "process.exit" in file.text:
        return False
    return re.match(r"""(?:["'][\w :=>-]{0,20}["'],\s*)?[\w.\[\]]+\)""", argument) is not None


RULES = (
    Rule(id="debugger", profile="quality", priority="P1", check=_breakpoints),
    Rule(id="debug-print", profile="quality", priority="P2", check=_prints),
)
