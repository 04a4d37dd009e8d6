"""Every key of the observer: one registry that bindings, footer, help and palette are made from."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from crew.errors import UsageError
from crew.tui.key_names import key_name, shown_keys
from crew.view import Deed

RUN, SESSION, TASKS, RUNS = "run", "session", "tasks", "runs"
_ALL = frozenset({RUN, SESSION, TASKS})
_EVERY = _ALL | {RUNS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One thing that a key does.

    Attributes:
        id: Names it for good; a screen does it in `do_<id>`.
        keys: Textual's names of the keys, with commas.
        shown: How the footer and the help write them.
        label: One word for the footer; empty keeps it out of there.
        help: What it does, in a few words.
        screens: Where it is there.
        deed: What it does to the run; it applies when that is possible.
        everywhere: Whether the app itself does it, whatever has the focus.
    """

    id: str
    keys: str
    shown: str
    help: str
    label: str = ""
    screens: frozenset[str] = _ALL
    deed: Deed | None = None
    everywhere: bool = False


KEYS = (
    Key(id="down", keys="j,down", shown="j ↓", help="select the next row", screens=_EVERY),
    Key(id="up", keys="k,up", shown="k ↑", help="select the row before", screens=_EVERY),
    Key(id="page_down", keys="pagedown", shown="PgDn", help="a page on", screens=_EVERY),
    Key(id="page_up", keys="pageup", shown="PgUp", help="a page back", screens=_EVERY),
    Key(id="first", keys="g,home", shown="g Home", help="to the beginning", screens=_EVERY),
    Key(id="last", keys="G,end", shown="G End", help="to the end", screens=_EVERY),
    Key(
        id="open",
        keys="enter",
        shown="Enter",
        label="open",
        help="open the session of the row",
        screens=frozenset({RUN, TASKS}),
    ),
    Key(
        id="open_run",
        keys="enter",
        shown="Enter",
        label="open",
        help="open the run of the row",
        screens=frozenset({RUNS}),
    ),
    Key(
        id="expand",
        keys="enter",
        shown="Enter",
        label="expand",
        help="show all of the entry; on a spawned session: go there",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="back",
        keys="backspace,escape",
        shown="Esc",
        label="back",
        help="up to the session, the run or the list above",
        screens=_ALL,
    ),
    Key(
        id="tasks",
        keys="t",
        shown="t",
        label="tasks",
        help="the task board, or the run again",
        screens=frozenset({RUN, TASKS}),
    ),
    Key(
        id="pane",
        keys="tab,shift+tab",
        shown="Tab",
        help="between the sessions and what happened",
        screens=frozenset({RUN}),
    ),
    Key(
        id="next_session",
        keys="right_square_bracket,tab",
        shown="] Tab",
        label="next",
        help="the next session",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="previous_session",
        keys="left_square_bracket,shift+tab",
        shown="[",
        help="the session before",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="answer",
        keys="a",
        shown="a",
        label="answer",
        help="answer a permission request",
        deed=Deed.ANSWER,
    ),
    Key(
        id="next_match",
        keys="n",
        shown="n",
        label="next match",
        help="the next match",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="previous_match",
        keys="N",
        shown="N",
        help="the match before",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="steer",
        keys="s",
        shown="s",
        label="steer",
        help="say something into its work",
        deed=Deed.STEER,
    ),
    Key(
        id="pause",
        keys="p",
        shown="p",
        label="pause",
        help="pause or resume the session; twice: at once",
        deed=Deed.PAUSE,
    ),
    Key(
        id="step",
        keys="n",
        shown="n",
        label="step",
        help="let a paused session do one turn",
        deed=Deed.STEP,
    ),
    Key(
        id="cancel",
        keys="x",
        shown="x",
        label="cancel",
        help="cancel the session; asks once",
        deed=Deed.CANCEL,
    ),
    Key(
        id="retry",
        keys="R",
        shown="R",
        label="retry",
        help="run a task that did not complete again; a lost run goes on",
        screens=frozenset({RUN, TASKS}),
    ),
    Key(
        id="result",
        keys="r",
        shown="r",
        label="result",
        help="show the verdict and the findings, once it is over",
    ),
    Key(
        id="follow",
        keys="f",
        shown="f",
        label="follow",
        help="hold the end in view",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="search",
        keys="slash",
        shown="/",
        label="search",
        help="search the whole transcript",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="filter",
        keys="F",
        shown="F",
        label="filter",
        help="only messages, tools, steers and notices, or errors",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="follow_up",
        keys="S",
        shown="S",
        label="follow-up",
        help="say something for after its work",
        deed=Deed.FOLLOW_UP,
    ),
    Key(
        id="pause_run",
        keys="P",
        shown="P",
        label="pause run",
        help="pause or resume the whole run",
        deed=Deed.PAUSE_RUN,
    ),
    Key(
        id="cancel_run",
        keys="X",
        shown="X",
        label="cancel run",
        help="cancel the whole run; asks once",
        deed=Deed.CANCEL_RUN,
    ),
    Key(
        id="open_file",
        keys="o",
        shown="o",
        label="edit",
        help="open the file that the entry or finding names in $EDITOR",
        screens=frozenset({SESSION}),
    ),
    Key(id="copy", keys="y", shown="y", help="copy the entry", screens=frozenset({SESSION})),
    Key(
        id="palette",
        keys="ctrl+p",
        shown="Ctrl+P",
        help="search what can be done here, and the themes",
        everywhere=True,
        screens=_EVERY,
    ),
    Key(
        id="help",
        keys="question_mark",
        shown="?",
        label="help",
        help="show the keys",
        screens=_EVERY,
    ),
    Key(
        id="leave",
        keys="q",
        shown="q",
        label="leave",
        help="leave the observer; the run goes on",
        screens=_EVERY,
    ),
    Key(
        id="interrupt",
        keys="ctrl+c",
        shown="Ctrl+C",
        help="ask to cancel the run; leaves when it is over",
        screens=_EVERY,
    ),
)

BY_ID = {key.id: key for key in KEYS}


def bindings(screen: str) -> list[BindingType]:
    """The bindings of a screen."""
    return [
        Binding(key.keys, f"do('{key.id}')", key.help, show=False, id=key.id)
        for key in KEYS
        if screen in key.screens and not key.everywhere
    ]


def shared(name: str, action: str) -> Binding:
    """The binding of a key for another action, on a screen that lies over the others."""
    key = BY_ID[name]
    return Binding(key.keys, action, key.help, show=False, id=key.id, priority=key.everywhere)


def keymap(wanted: Mapping[str, str]) -> dict[str, str]:
    """Other keys for some actions, checked.

    Args:
        wanted: Keys, by action; several with commas: `ctrl+s`, `/`, `f5,F`.

    Returns:
        Textual's names of the keys, by action; actions whose keys stay the same are left out.

    Raises:
        UsageError: An action or a key is unknown, or one key would do two things on one screen.
    """
    chosen: dict[str, str] = {}
    off: dict[str, str] = {}
    for name, keys in wanted.items():
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(BY_ID)}"
            off[f"keys: there is no action {name!r}"] = hint
            continue
        try:
            named = ",".join(key_name(name, key) for key in _split(keys))
        except UsageError as error:
            off[error.message] = error.hint
            continue
        if named != BY_ID[name].keys:
            chosen[name] = named
    off |= _clashes(chosen)
    if len(off) == 1:
        ((message, hint),) = off.items()
        raise UsageError(message, hint=hint)
    if off:
        raise UsageError("\n".join(f"{said}: {hint}" for said, hint in off.items()))
    return chosen


def _clashes(chosen: Mapping[str, str]) -> dict[str, str]:
    """Keys that would do two things on one screen, each with the mend."""
    off: dict[str, str] = {}
    taken: dict[tuple[str, str], str] = {}
    for key in KEYS:
        for pressed in chosen.get(key.id, key.keys).split(","):
            for screen in key.screens:
                other = taken.setdefault((screen, pressed), key.id)
                if other != key.id and {other, key.id} & set(chosen):
                    message = f"keys: {pressed} would mean both {other} and {key.id}"
                    off[message] = "give one of them another key"
    return off


def _split(keys: str) -> list[str]:
    """The keys of a list with commas; a comma alone is a key."""
    return [","] if keys.strip() == "," else [key.strip() for key in keys.split(",")]


class KeyRing:
    """The registry with the keys that a person chose.

    Args:
        wanted: Keys, by action, as `keymap` takes them.

    Raises:
        UsageError: They are off.
    """

    def __init__(self, wanted: Mapping[str, str] | None = None) -> None:
        self._chosen = keymap(wanted or {})
        self._keys = tuple(
            replace(key, keys=keys, shown=shown_keys(keys))
            if (keys := self._chosen.get(key.id))
            else key
            for key in KEYS
        )
        self._by_id = {key.id: key for key in self._keys}

    def listed(self, screen: str) -> Iterable[Key]:
        """The keys of a screen, in the order of the footer."""
        return (key for key in self._keys if screen in key.screens)

    def shown(self, name: str) -> str:
        """The first key of an action, as one writes it."""
        return self._by_id[name].shown.split(" ")[0]

    def pressed(self, name: str) -> list[str]:
        """What is pressed for an action, in Textual's names."""
        return _split(self._by_id[name].keys)

    def fit(self, node: DOMNode) -> None:
        """Give the actions of a screen the keys that were chosen for them.

        Textual's own keymap loses an action that shares its key with one that gets another.
        """
        if not self._chosen:
            return
        known = node._bindings.key_to_bindings
        mine = {each.id: each for found in known.values() for each in found if each.id in BY_ID}
        fitted: dict[str, list[Binding]] = {}
        for key in self._keys:
            if (binding := mine.get(key.id)) is not None:
                for pressed in key.keys.split(","):
                    fitted.setdefault(pressed, []).append(replace(binding, key=pressed))
        for pressed, found in known.items():
            others = [each for each in found if each.id not in BY_ID]
            if others:
                fitted.setdefault(pressed, []).extend(others)
        node._bindings.key_to_bindings = fitted
