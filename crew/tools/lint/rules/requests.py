"""What a request brings, handed as it is to what runs, reads or shows it."""

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Rule

_PHP = r"\$_(?:GET|POST|REQUEST|COOKIE|FILES)\b"
_EXPRESS = r"\b(?:req|request|ctx\.request)\.(?:query|params|body|cookies|headers)\b"
_FLASK = r"\brequest\.(?:args|form|values|cookies|GET|POST|query_params|json)\b"
_RUN = "A request decides what runs"
_RUN_BODY = (
    "Whoever sends the request runs what they like. Look the wanted thing up in a fixed list."
)
_SHOWN = "A request's text is shown as markup"
_SHOWN_BODY = (
    "A link with a script in it runs that script in the reader's browser. Escape the value, or let "
    "a template do so."
)
_PATH = "A request decides which file is read"
_PATH_BODY = (
    "`../` in the value leaves the folder that was meant. Resolve the path and check that it is "
    "still inside."
)
_AWAY = "A request decides where the reader is sent"
_AWAY_BODY = (
    "A link to this site then leads to any other one. Allow known targets, or paths of this site."
)
_ESCAPED = (
    r"escape|sanitiz|encode|purify|htmlspecialchars|htmlentities|strip_tags|\(int\)|intval|basename"
    r"|secure_filename|safe_join|shlex|json|parseint|number\("
)

_PATTERNS = (
    pattern(
        "php",
        rf"(?<![\w>:$])(?:eval|assert|system|exec|shell_exec|passthru|popen|proc_open|unserialize"
        rf"|create_function|call_user_func)\s*\(\s*{_PHP}"
        rf"|(?<!\w)(?:include|require)(?:_once)?\b[^;]*{_PHP}|(?<![\w>$])extract\s*\(\s*{_PHP}",
        _RUN,
        _RUN_BODY,
        seen="bare",
        unless=_ESCAPED,
        confidence=0.9,
    ),
    pattern(
        "php",
        rf"(?<!\w)(?:echo|print)\b[^;]*{_PHP}|<\?=\s*{_PHP}",
        _SHOWN,
        _SHOWN_BODY,
        seen="bare",
        unless=_ESCAPED,
    ),
    pattern(
        "php",
        rf"(?<![\w>:$])(?:file_get_contents|fopen|readfile|file)\s*\([^;]*{_PHP}",
        _PATH,
        _PATH_BODY,
        seen="bare",
        unless=_ESCAPED,
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "ruby",
        r"(?<![\w.])(?:eval|instance_eval|class_eval|system|exec|Marshal\.load|YAML\.load|open)"
        r"[\s(]\s*(?:params|cookies|request\.\w+)\b|\bparams\[[^\]]*\]\.(?:constantize|safe_constantize)"
        r"|\.(?:public_)?send\(\s*params\b",
        _RUN,
        _RUN_BODY,
        confidence=0.9,
    ),
    pattern(
        "ruby",
        r"\bredirect_to\s*\(?\s*params\b",
        _AWAY,
        _AWAY_BODY,
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "ruby",
        r"\bparams\b[^#]*\.permit!",
        "Every parameter of a request is taken over",
        "Whoever sends the request sets any attribute, `admin` among them. Name those that may be "
        "set.",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "javascript",
        rf"(?<![\w.])(?:eval|exec|execSync|child_process\.exec(?:Sync)?)\(\s*{_EXPRESS}",
        _RUN,
        _RUN_BODY,
        confidence=0.9,
    ),
    pattern(
        "javascript",
        rf"\bres\.(?:send|write|end)\(\s*(?:[\"'`]\s*[\"'`]\s*\+\s*|[^)]*\+\s*){_EXPRESS}"
        rf"|\bres\.(?:send|write|end)\(\s*`[^`]*<[^`]*\$\{{\s*{_EXPRESS}",
        _SHOWN,
        _SHOWN_BODY,
        seen="bare",
        unless=_ESCAPED,
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "javascript",
        rf"\b(?:fs\.\w+|readFile(?:Sync)?|createReadStream|sendFile)\([^;]*{_EXPRESS}",
        _PATH,
        _PATH_BODY,
        unless=_ESCAPED + "|root:",
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "javascript",
        rf"\bres\.redirect\(\s*{_EXPRESS}",
        _AWAY,
        _AWAY_BODY,
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "python",
        rf"(?<![\w.])(?:open|send_file|FileResponse)\([^#]*{_FLASK}",
        _PATH,
        _PATH_BODY,
        unless=_ESCAPED,
        priority="P2",
        confidence=0.8,
    ),
    pattern(
        "python",
        rf"(?<![\w.])(?:redirect|RedirectResponse)\(\s*{_FLASK}",
        _AWAY,
        _AWAY_BODY,
        priority="P2",
        confidence=0.8,
    ),
)

RULES = (Rule(id="request-trusted", profile="security", priority="P1", check=check_of(_PATTERNS)),)
