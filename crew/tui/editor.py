"""Opening a file of the workspace in the person's own editor, at a line."""

import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePath

import anyio
import anyio.to_thread
from textual.app import App, SuspendNotSupported

from crew.errors import UsageError
from crew.view import FilePlace

_PLUS_LINE = frozenset(
    {"vim", "nvim", "vi", "view", "nano", "emacs", "emacsclient", "micro", "kak", "joe", "pico"}
)
_GOTO = frozenset({"code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"})


def editor_command(editor: str, file: Path, line: int | None) -> list[str]:
    """How to start an editor on a file; at the line, where it is known how to say so.

    Raises:
        UsageError: None is set, or what is set is no command.
    """
    try:
        command = shlex.split(editor)
    except ValueError as error:
        raise UsageError(f"$EDITOR is no command: {error}") from error
    if not command:
        raise UsageError("neither $VISUAL nor $EDITOR says which editor to open")
    name = PurePath(command[0]).name
    if line is None:
        return [*command, str(file)]
    if name in _PLUS_LINE:
        return [*command, f"+{line}", str(file)]
    if name in _GOTO:
        return [*command, "-g", f"{file}:{line}"]
    return [*command, str(file)]


def find_file(workspace: str, places: Iterable[FilePlace]) -> tuple[Path, int | None]:
    """The first of these places that is a file of the workspace.

    Raises:
        UsageError: None is.
    """
    if not workspace or not (root := Path(workspace)).is_dir():
        raise UsageError(f"the workspace {workspace} is not on this machine")
    root, outside = root.resolve(), ""
    first = ""
    for place in places:
        first = first or place.file
        try:
            file = (root / place.file).resolve()
            if not file.is_relative_to(root):
                outside = outside or place.file
            elif file.is_file():
                return file, place.line
        except (OSError, ValueError):
            continue
    if outside:
        raise UsageError(f"{outside} is outside the workspace")
    if first:
        raise UsageError(f"there is no file {first} in the workspace")
    raise UsageError("no file is named here")


async def edit(app: App[None], editor: str, workspace: str, places: Iterable[FilePlace]) -> str:
    """Give the terminal to the editor until it ends.

    Returns:
        What the person should know of it; empty when all went well.

    Raises:
        UsageError: There is no such file, or no editor.
    """
    file, line = await anyio.to_thread.run_sync(find_file, workspace, list(places))
    command = editor_command(editor, file, line)
    try:
        with app.batch_update(), app.suspend():
            # What the observer draws on is standard error; standard output may be a file.
            return await _run(command, terminal=True)
    except SuspendNotSupported:
        return await _run(command, terminal=False)


async def _run(command: list[str], *, terminal: bool) -> str:
    try:
        process = await anyio.open_process(
            command,
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=2 if terminal else subprocess.DEVNULL,
            stderr=None if terminal else subprocess.DEVNULL,
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror or error}"
    async with process:
        code = await process.wait()
    return f"{command[0]} ended with {code}" if code else ""
