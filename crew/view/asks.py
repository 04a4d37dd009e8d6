"""What a permission request says in one line: who asks, for which file, what becomes of it."""

from crew.view.state import PermissionView
from crew.view.words import one_line


def ask_words(ask: PermissionView) -> tuple[str, str]:
    """Who asks for what, the file with it where one would be changed, and what becomes of it."""
    who = f"{one_line(ask.session or 'the run')} asks to use {one_line(ask.tool)}"
    if ask.tool not in _FATES or "path" not in ask.args:
        return who, ""
    if ask.change is None:
        return f"{who}: {one_line(str(ask.args['path']))}", ""
    there, missing = _FATES[ask.tool]
    return f"{who}: {one_line(ask.change.path)}", there if ask.change.exists else missing


_FATES = {
    "write": ("overwrites what is there", "new file"),
    "edit": ("changes it", "there is no such file"),
}
