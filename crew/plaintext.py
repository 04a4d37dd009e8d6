"""Text that a terminal shows as it is: nothing in it moves, colours, hides or reorders."""

import re

# A sequence never swallows a line end: what follows an unterminated one stays readable.
_SEQUENCES = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x80-\x9f\r\n]*(?:\x07|\x1b\\|\x9c)"  # OSC: titles, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x80-\x9f\r\n]*(?:\x1b\\|\x9c)"  # DCS and kin
    r"|\x1b[ -/]*[0-~]"  # every other escape
)
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_LINE_ENDS = "\u2028\u2029"
_SURROGATES = "\ud800-\udfff"

_UNSHOWN = re.compile(
    f"(?P<gone>{_SEQUENCES}|[{_CONTROLS}{_INVISIBLE}]+)|[{_LINE_ENDS}]|[{_SURROGATES}]"
)

_SUSPECT = re.compile(f"[{_CONTROLS}{_INVISIBLE}{_LINE_ENDS}{_SURROGATES}]")
"""How all of those begin; one class of characters is searched for ten times as fast."""


def clean(text: str) -> str:
    r"""Leave only what is seen, `\n` and `\t`.

    Terminal sequences go as a whole; control characters, bidirectional overrides, zero-width
    and other invisible characters go one by one, so that no two different names look alike.
    Bytes of a file name that are not UTF-8 (`surrogateescape`) are shown as `\xNN`, and the
    result can always be encoded.
    """
    return _UNSHOWN.sub(_replacement, text) if _SUSPECT.search(text) else text


def _replacement(match: re.Match[str]) -> str:
    if match["gone"] is not None:
        return ""
    char = match[0]
    if char in _LINE_ENDS:
        return "\n"
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\N{REPLACEMENT CHARACTER}"


def cap(text: str, limit: int) -> tuple[str, bool]:
    """Keep head and tail of a text that is too long, with a mark that counts what is left out.

    Args:
        text: Any text.
        limit: Characters that may stay, the mark not counted.

    Returns:
        The text to show, and whether anything was left out.
    """
    if len(text) <= limit:
        return text, False
    head, tail = text[: limit - limit // 2], text[len(text) - limit // 2 :]
    # Whole lines read better, where that costs little.
    if (end := head.rfind("\n")) > len(head) * 3 // 4:
        head = head[:end]
    if 0 <= (start := tail.find("\n")) < len(tail) // 4:
        tail = tail[start + 1 :]
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n[... {left_out:,} characters left out ...]\n{tail}", True
