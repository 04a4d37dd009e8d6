"""The keys that a person chose for the observer's actions, checked, and put in their places."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from textual.binding import Binding
from textual.dom import DOMNode

from crew.errors import UsageError
from crew.tui.key_names import key_name, shown_keys
from crew.tui.keys import BY_ID, KEYS, Key

Place = Callable[[str], str]
"""Where an action was given its keys, to begin a complaint with: `config.toml:4: `."""


def _nowhere(_action: str) -> str:
    return ""


def keymap(wanted: Mapping[str, str], place: Place = _nowhere) -> dict[str, str]:
    """Other keys for some actions, checked.

    Args:
        wanted: Keys, by action; several with commas: `ctrl+s`, `/`, `f5,F`.
        place: Where each action was given its keys.

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
            off[f"{place(name)}keys: there is no action {name!r}"] = hint
            continue
        try:
            named = ",".join(key_name(name, key) for key in _split(keys))
        except UsageError as error:
            off[f"{place(name)}{error.message}"] = error.hint
            continue
        if named != BY_ID[name].keys:
            chosen[name] = named
    off |= _clashes(chosen, place)
    if len(off) == 1:
        ((message, hint),) = off.items()
        raise UsageError(message, hint=hint)
    if off:
        raise UsageError("\n".join(f"{said}: {hint}" for said, hint in off.items()))
    return chosen


def _clashes(chosen: Mapping[str, str], place: Place) -> dict[str, str]:
    """Keys that would do two things on one screen, each with the mend."""
    off: dict[str, str] = {}
    taken: dict[tuple[str, str], str] = {}
    for key in KEYS:
        for pressed in chosen.get(key.id, key.keys).split(","):
            for screen in key.screens:
                other = taken.setdefault((screen, pressed), key.id)
                if other != key.id and {other, key.id} & set(chosen):
                    where = place(key.id if key.id in chosen else other)
                    message = f"{where}keys: {pressed} would mean both {other} and {key.id}"
                    off[message] = "give one of them another key"
    return off


def _split(keys: str) -> list[str]:
    """The keys of a list with commas; a comma alone is a key."""
    return [","] if keys.strip() == "," else [key.strip() for key in keys.split(",")]


class KeyRing:
    """The registry with the keys that a person chose.

    Args:
        wanted: Keys, by action, as `keymap` takes them.
        place: Where each action was given its keys.

    Raises:
        UsageError: They are off.
    """

    def __init__(self, wanted: Mapping[str, str] | None = None, *, place: Place = _nowhere) -> None:
        self._chosen = keymap(wanted or {}, place)
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
