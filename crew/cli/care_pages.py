"""What `crew prune`, `crew doctor`, `crew export` and `crew import` put on standard output."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.console import Output, dumps
from crew.console.signs import STYLES, sign
from crew.records import timestamp, utc_now
from crew.service.archive import Exported
from crew.service.doctor import Check
from crew.service.prune import Pruning
from crew.service.unpack import Imported
from crew.view import Mark, age, counted, one_line, status_words

_MARKS = {"ok": Mark.DONE, "note": Mark.ATTENTION, "wrong": Mark.FAILED}
_UNITS = ("B", "KB", "MB", "GB", "TB")


def print_pruning(done: Pruning, *, deleted: bool, json: bool) -> None:
    """Print what would go, or what went."""
    if json:
        runs = [
            {
                "run": each.run,
                "status": each.status,
                "used": timestamp(each.used),
                "bytes": each.size,
            }
            for each in done.going
        ]
        left = [asdict(each) for each in done.left]
        _put_json({"deleted": deleted, "bytes": done.size, "runs": runs, "left": left})
        return
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for column in ("run", "status", "unused for", "size"):
        right = column in {"unused for", "size"}
        table.add_column(column, no_wrap=True, justify="right" if right else "left")
    now = utc_now()
    for each in done.going:
        status = status_words(each.status) if each.status is not None else "left behind"
        table.add_row(Text(each.run), status, age(each.used, now), _size(each.size))
    lines = [Text(one_line(f"left alone: {each.run}: {each.why}"), "dim") for each in done.left]
    total = f"{counted(len(done.going), 'run')}, {_size(done.size)}"
    if not done.going:
        lines.append(Text("nothing was deleted" if deleted else "there is nothing to delete"))
    elif deleted:
        lines.append(Text(f"deleted: {total}"))
    else:
        lines.append(Text(f"{total}; nothing is deleted yet, add --yes to do it"))
    _print([table, *lines] if done.going else lines)


def print_checks(run: str | None, checks: Sequence[Check], *, json: bool) -> None:
    """Print what an examination found."""
    wrong = sum(check.state == "wrong" for check in checks)
    if json:
        _put_json({"run": run, "wrong": wrong, "checks": [asdict(check) for check in checks]})
        return
    encoding = sys.stdout.encoding or "ascii"
    lines: list[Text] = []
    for check in checks:
        mark = _MARKS[check.state]
        where = f"{check.where}: " if check.where else ""
        said = one_line(f"{where}{check.what}")
        head = (f"{sign(mark, encoding)} {check.name:<12}", STYLES[mark])
        lines.append(Text.assemble(head, said))
        if check.mend:
            lines.append(Text(f"{'':14}{one_line(check.mend)}", "dim"))
    total = f"{counted(wrong, 'thing')} wrong" if wrong else "nothing is wrong"
    lines.append(Text(f"{run}: {total}" if run else total))
    _print(lines)


def print_exported(done: Exported, *, json: bool) -> None:
    """Print where the archive is."""
    if json:
        value = {"run": done.run, "file": str(done.path), "bytes": done.size, "files": done.files}
        _put_json({**value, "redacted": done.redacted, "left_out": done.left_out})
        return
    lines = [Text(f"{done.path}  {counted(done.files, 'file')}, {_size(done.size)}")]
    lines += [Text(one_line(f"secrets replaced in {name}"), "dim") for name in done.redacted]
    lines += [Text(one_line(f"left out: {name}"), "dim") for name in done.left_out]
    _print(lines)


def print_imported(done: Imported, *, json: bool) -> None:
    """Print what the run is called here."""
    if json:
        value = {"run": done.run, "folder": str(done.folder)}
        _put_json({**value, "bytes": done.size, "files": done.files})
        return
    _print([Text(done.run), Text(f"look at it: crew show {done.run}", "dim")])


def _print(parts: Iterable[Text | Table]) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as page:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
    Output(sys.stdout).put(page.get())


def _put_json(value: object) -> None:
    Output(sys.stdout).put(f"{dumps(value)}\n")


def _size(size: float) -> str:
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
