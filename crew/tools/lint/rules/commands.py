"""Command lines and code that are put together from values at run time.

Python's own cases are ruff's: S102, S307, S602, S605 and their like.
"""

import re
from collections.abc import Iterator

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Hit, Rule
from crew.tools.lint.source import SourceFile

_QUOTING = re.compile(r"escapeshell|shellescape|Shellwords|shlex|quote|escape\(", re.IGNORECASE)
_BUILT = r"(?:`[^`\n]*\$\{|[\"'][^\"'\n]*[\"']\s*\+)"
_SHELLS = {
    "javascript": (
        rf"(?<![\w.])(?:child_process\.|cp\.)?exec(?:Sync)?\(\s*{_BUILT}"
        rf"|(?<![\w.])spawn(?:Sync)?\(\s*{_BUILT}.{{0,200}}shell:\s*true"
    ),
    "ruby": (
        r"(?<![\w.])(?:system|exec|spawn|IO\.popen)[\s(]+\"[^\"\n]*#\{"
        r"|(?:^|[=(\s])`[^`\n]*#\{|%x[\[({][^\])}\n]*#\{"
    ),
    "php": (
        r"(?<![\w>:$])(?:shell_exec|exec|system|passthru|popen|proc_open)\s*\(\s*"
        r"(?:\"[^\"\n]*\$\w|[\"'][^\"'\n]*[\"']\s*\.\s*\$)"
    ),
    "go": (
        r"exec\.Command(?:Context)?\(.{0,80}\"(?:ba|z)?sh\",\s*\"-c\",\s*"
        r"(?:fmt\.Sprintf\(|\"[^\"\n]*\"\s*\+|\w+\s*\+)"
    ),
    "java": (
        r"\.exec\(\s*(?:\"[^\"\n]*\"\s*\+|String\.format\()"
        r"|ProcessBuilder\(.{0,80}\"-c\",\s*\"[^\"\n]*\"\s*\+"
    ),
    "rust": r"\.arg\(\s*\"-c\"\s*\)\s*\.arg\(\s*&?format!\(",
    "csharp": (
        r"Process\.Start\(\s*\"(?:cmd|/bin/sh|bash)[^\"]*\",\s*"
        r"(?:\$\"[^\"\n]*\{|\"[^\"\n]*\"\s*\+)"
    ),
    "shell": r"(?:^|[;&|]\s*)eval\s+\"?[^\"$]*\$(?:\{?[1-9@*]\}?)",
}
_SHELL_PATTERNS = {language: re.compile(pattern) for language, pattern in _SHELLS.items()}
_LIKE = {"typescript": "javascript", "kotlin": "java", "scala": "java"}
_EVAL = re.compile(
    r"(?<![\w.])(?:eval|new Function)\(\s*(?![\"'`)])"
    r"|(?<![\w.])(?:eval|new Function|set(?:Timeout|Interval))\((?:\s*[\"'] *[\"']\s*,)*"
    r"\s*[\"'][^\"']*[\"']\s*\+"
)
_EVENT = re.compile(
    r"\$\{\{[^}]{0,200}github\.(?:event\.(?:issue|pull_request|comment|review|review_comment|discussion"
    r"|head_commit|commits|pages)[\w.\[\]*]*"
    r"\.(?:title|body|message|name|email|ref|label|default_branch)"
    r"|head_ref)\b[^}]*\}\}"
)
_RUN = re.compile(r"^(?P<indent>\s*)(?:-\s+)?(?:run|script):\s*(?P<rest>.*)$")


def _shell(file: SourceFile) -> Iterator[Hit]:
    language = _LIKE.get(file.language, file.language)
    pattern = _SHELL_PATTERNS.get(language)
    if pattern is None or (language == "javascript" and "child_process" not in file.text):
        return
    for number in sorted(file.added):
        line = file.bare[number - 1]
        match = pattern.search(line)
        if match is None or _QUOTING.search(line):
            continue
        yield Hit(
            line=number,
            title="A shell command is built from values",
            body="A value becomes part of a command line that a shell reads, so that spaces, "
            "quotes or `;` in it run other commands. Pass the program and its arguments as a "
            "list, without a shell, or quote the value for the shell.",
            priority="P3" if file.is_test else None,
            confidence=0.6 if language in {"shell", "java"} else 0.85,
        )


def _eval(file: SourceFile) -> Iterator[Hit]:
    if file.language not in {"javascript", "typescript"} or file.is_test:
        return
    for number in sorted(file.added):
        if _EVAL.search(file.code[number - 1]):
            yield Hit(
                line=number,
                title="A value is run as code",
                body="Text that is made at run time is run as code; whoever can shape it runs "
                "what they like. Parse the value, or look it up in a table of functions.",
                confidence=0.7,
            )


def _workflow(file: SourceFile) -> Iterator[Hit]:
    if ".github/" not in file.path or file.language != "yaml":
        return
    for number in sorted(file.added):
        line = file.bare[number - 1]
        if _EVENT.search(line) and _in_run(file, number):
            yield Hit(
                line=number,
                title="Text from an event becomes part of a script",
                body="GitHub pastes the text into the script before the shell reads it, so a "
                "pull request's title or branch name can run commands with the workflow's "
                "rights. Hand it over in `env:` and use the quoted variable.",
                confidence=0.85,
            )


def _in_run(file: SourceFile, number: int) -> bool:
    line = file.bare[number - 1]
    if _RUN.match(line):
        return True
    indent = len(line) - len(line.lstrip())
    for before in range(number - 1, 0, -1):
        text = file.bare[before - 1]
        if not text.strip() or len(text) - len(text.lstrip()) >= indent:
            continue
        match = _RUN.match(text)
        return match is not None and match["rest"].strip()[:1] in {"|", ">"}
    return False


_UNSAFE_C = (
    pattern(
        "c",
        r"(?<![\w.>])gets\s*\(\s*\w",
        "gets writes past the end of its buffer",
        "It has no way to know how large the buffer is. Use `fgets` with its size.",
        confidence=0.9,
    ),
    pattern(
        "c",
        r"(?<![\w.>])f?scanf\s*\([^;]*\"[^\"]*%s",
        "scanf's %s writes past the end of its buffer",
        "A longer word than the buffer holds overwrites what stands behind it. Give a width, as in "
        "`%63s`.",
        seen="bare",
        confidence=0.85,
    ),
    pattern(
        "c",
        r"(?<![\w.>])(?:printf\s*\(|(?:fprintf|syslog)\s*\(\s*\w+\s*,)\s*[a-z_]\w*(?:\[\w*\])*\s*\)\s*;",
        "A value is used as a format",
        'A `%` in it reads or writes memory that it should not. Print it with `"%s"`.',
        unless=r"fmt|format|usage|msg_|_\(",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "c",
        r"(?<![\w.>])strcpy\s*\([^,]+,\s*(?:argv\b|getenv\s*\(|optarg\b)",
        "A value of any length is copied into a buffer",
        "What comes from outside may be longer than the buffer. Copy with its size: `snprintf`.",
        confidence=0.9,
    ),
)

_BUILT_ELSEWHERE = (
    pattern(
        "c",
        r"(?<![\w.>])(?:system|popen)\s*\(\s*[a-z_]\w*\b(?!\s*\()",
        "A shell reads a command line that comes from elsewhere",
        "Blanks, quotes or `;` in a value of it run other commands. Run the program by itself, "
        "with `execv` or `posix_spawn`.",
        confidence=0.6,
    ),
)

RULES = (
    Rule(id="shell-command", profile="security", priority="P2", check=check_of(_BUILT_ELSEWHERE)),
    Rule(id="shell-injection", profile="security", priority="P1", check=_shell),
    Rule(id="eval", profile="security", priority="P2", check=_eval),
    Rule(id="workflow-injection", profile="security", priority="P1", check=_workflow),
    Rule(id="memory-unsafe", profile="security", priority="P1", check=check_of(_UNSAFE_C)),
)
