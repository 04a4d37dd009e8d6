"""What keys are called: as a person writes them, as Textual names them, as a screen shows them."""

import string

from textual.keys import Keys, _character_to_key

from crew.errors import UsageError

_BY_CHARACTER = {each: _character_to_key(each) for each in string.printable if each.isprintable()}
_NAMES = frozenset({key.value for key in Keys} | set(_BY_CHARACTER.values()))
_MODIFIERS = frozenset({"ctrl", "alt", "shift"})
_SHOWN = {
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "delete": "Del",
} | {name: character for character, name in _BY_CHARACTER.items() if character != " "}


def key_name(action: str, written: str) -> str:
    """Textual's name of a key that a person wrote: `/` is `slash`, `Ctrl+S` is `ctrl+s`.

    Raises:
        UsageError: There is no such key.
    """
    if len(written) == 1 and written.isprintable():
        return _BY_CHARACTER.get(written) or _character_to_key(written)
    modifiers, _, last = written.removesuffix("+").rpartition("+")
    last = "+" if written.endswith("++") else last
    name = last.lower() if len(last) > 1 or last.isalpha() else _BY_CHARACTER.get(last, "")
    whole = "+".join(filter(None, [modifiers.lower(), name]))
    held = set(modifiers.lower().split("+")) - {""}
    if held == {"shift"} and len(name) == 1:
        return name.upper()
    if whole in _NAMES or (name in _NAMES and held <= _MODIFIERS):
        return whole
    raise UsageError(
        f"keys: {action}: there is no key {written!r}",
        hint="write it as a character, or as ctrl+s, f5, enter, escape, pagedown",
    )


def shown_keys(keys: str) -> str:
    """Keys as the footer and the help write them: `Ctrl+S F5`."""
    return " ".join(map(_shown, keys.split(",")))


def _shown(key: str) -> str:
    *modifiers, last = key.split("+")
    name = _SHOWN.get(last, last.capitalize() if len(last) > 1 else last)
    if modifiers:
        name = name.upper() if len(name) == 1 else name
    return "+".join([*(each.capitalize() for each in modifiers), name])
