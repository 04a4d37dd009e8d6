"""The last line: the keys that apply now, the most important first, in as many words as fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from crew.tui.bars import Span
from crew.tui.keys import Key
from crew.view import Tone

IMPORTANCE = (
    "answer",
    "next_match",
    "open",
    "open_run",
    "expand",
    "steer",
    "pause",
    "step",
    "cancel",
    "back",
    "follow",
    "result",
    "retry",
    "tasks",
    "messages",
    "search",
    "next_session",
    "filter",
    "open_file",
    "follow_up",
    "pause_run",
    "cancel_run",
    "help",
    "leave",
)
"""Every key with a word for the footer; `help` and the one behind it are always there."""

_ALWAYS = 2
_WITH = {"follow_up": "steer", "pause_run": "pause", "cancel_run": "cancel"}
"""Keys that say the same as another, only wider; they share its word where room is short."""

_MORE = "more"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hint:
    """Keys that share a word.

    Attributes:
        keys: How each is written, and its id.
    """

    keys: tuple[tuple[str, str], ...]
    label: str

    @property
    def width(self) -> int:
        return cell_len("/".join(shown for shown, _ in self.keys)) + 1 + cell_len(self.label)


def hints(keys: Sequence[tuple[Key, str]], width: int) -> list[Span]:
    """The footer.

    Where room is short gaps shrink first, then keys share a word with their kin, and then the
    least important are left to the help, which says that there are more.

    Args:
        keys: The keys that apply, each with its word.
        width: Cells of the line.
    """
    ranked = sorted(keys, key=lambda each: IMPORTANCE.index(each[0].id))
    told = [_Hint(keys=((key.shown, key.id),), label=label) for key, label in ranked]
    for gap in (3, 2):
        if _width(told, gap) <= width:
            return _spans(told, gap)
    told = _shared(ranked)
    while len(told) > _ALWAYS and _width(told, 2) > width:
        del told[-_ALWAYS - 1]
        told[-_ALWAYS] = _Hint(keys=told[-_ALWAYS].keys, label=_MORE)
    return _spans(told, 2)


def _shared(ranked: Sequence[tuple[Key, str]]) -> list[_Hint]:
    """One hint for keys that say the same, in short; each key by the first of its names."""
    labels = {key.id: label for key, label in ranked}
    shown = {key.id: key.shown.split(" ")[0] for key, _ in ranked}
    full = {key.id: key.label for key, _ in ranked}
    brief = {key.id: key.brief for key, _ in ranked}
    kin = {wider: key for wider, key in _WITH.items() if _says_more(labels, wider, key)}
    told = []
    for name, label in labels.items():
        if name not in kin:
            wider = [each for each, key in kin.items() if key == name]
            word = brief[name] if brief[name] and label == full[name] else label
            pressed = tuple((shown[each], each) for each in (name, *wider))
            told.append(_Hint(keys=pressed, label=word))
    return told


def _says_more(labels: dict[str, str], wider: str, key: str) -> bool:
    if wider not in labels or key not in labels:
        return False
    return wider == "follow_up" or labels[wider] == f"{labels[key]} run"


def _spans(told: Sequence[_Hint], gap: int) -> list[Span]:
    spans = [Span(text=" ")]
    for place, hint in enumerate(told):
        after = " " * gap if place < len(told) - 1 else ""
        for at, (shown, name) in enumerate(hint.keys):
            spans.append(Span(text=f"/{shown}" if at else shown, look=Tone.PERSON, target=name))
        first = hint.keys[0][1]
        spans.append(Span(text=f" {hint.label}{after}", look=Tone.SECONDARY, target=first))
    return spans


def _width(told: Sequence[_Hint], gap: int) -> int:
    return 1 + sum(hint.width + gap for hint in told) - gap
