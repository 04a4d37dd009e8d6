"""The words of a prompt that are worth searching for."""

import re
from collections import Counter

_QUOTED = re.compile(r"`([^`\n]{2,60})`|\"([^\"\n]{2,60})\"")
_PATH = re.compile(r"(?<![\w/])(?:[\w.-]+/)+[\w.-]+|\b[\w-]+\.(?:[a-z]{1,4})\b(?!\()")
_IDENTIFIER = re.compile(
    r"\b(?:[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|\w+\(\)|[A-Z]{2,}\w*)"
    r"|(?<!\S)--[a-z][\w-]+"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{3,}")
_STOP_WORDS = """
a about above after again all also an and answer any are ask at base be because been before
below between body both but by can change changed changes check cite claim code come could
critic did do does done down draft each earlier empty every evidence example exists fill final
find first follow for found from further get give given goal good had has have having here how
if in into is isn't it item its itself job just keep know left like line lines list look looked
made make many matter may mean mend might more most much must name need needs never next no not
nothing now of off often on once one only open or other others our out over own part parts path
paths place places plan point points project prompt question questions read reading really
relevant rely repository result results role said same say says see shall should show side since
so some someone something step steps still such summary take task tasks tell test tested tests
than that the their them then there these they thing things this those through to too true under
until up use used uses using very want was way we well were what when where whether which while
who whole why will with without work would write written wrong you your yourself
"""
_STOP = frozenset(_STOP_WORDS.split())


def key_terms(text: str, limit: int = 6) -> list[str]:
    """Quoted words, paths and identifiers first, then the longest and most repeated words."""
    text = re.sub(r"https?://\S+", " ", text)
    found: dict[str, None] = {}
    for match in _QUOTED.finditer(text):
        found.setdefault((match[1] or match[2]).strip())
    for pattern in (_PATH, _IDENTIFIER):
        for match in pattern.finditer(text):
            found.setdefault(match[0].strip("().-") if pattern is _PATH else match[0].rstrip("()"))
    counts = Counter(word.lower().strip("-") for word in _WORD.findall(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], -len(word), word))
    for word in ranked:
        if word not in _STOP and not any(word in known.lower() for known in found):
            found.setdefault(word)
    return [term for term in found if term][:limit]
