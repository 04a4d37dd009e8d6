"""What `crew trust` puts on standard output."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.console import Output, dumps
from crew.definitions.types import Source
from crew.records import timestamp
from crew.service.trust import Claim, OwnFile
from crew.service.trusted import TrustedFolder
from crew.view import counted, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of one folder.

    Attributes:
        line: Where a definition has a key; 0 where it has none.
    """

    folder: Path
    claims: tuple[Claim, ...]
    before: TrustedFolder | None
    line: Callable[[Source, tuple[str, ...]], int]

    def state(self, file: OwnFile) -> str:
        """How a file stands to what was trusted."""
        known = self.before.files.get(file.name) if self.before is not None else None
        if known is None:
            return "new"
        return "trusted" if known == file.source.sha256 else "changed"


def print_claims(told: Told) -> None:
    """Print what each team of a folder would do without asking, and by which lines."""
    folder = one_line(str(told.folder))
    if not told.claims:
        _print(Text(f"{folder}: its definitions ask for nothing that needs your trust"))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("team", no_wrap=True)
    table.add_column("may without asking", overflow="fold")
    table.add_column("by", overflow="fold")
    for claim in told.claims:
        names = Text(one_line(", ".join(claim.effects)))
        table.add_row(
            Text(claim.team, "bold"), names, Text("\n").join(_by(told, f) for f in claim.files)
        )
    waiting = any(claim.unlike(told.before) for claim in told.claims)
    if told.before is None:
        said = "not trusted yet"
    else:
        since = f"{told.before.at:%Y-%m-%d %H:%M} UTC"
        said = f"changed since you trusted it, {since}" if waiting else f"trusted, {since}"
    _print(Text(f"{folder}: {said}\n"), table)


def _by(told: Told, file: OwnFile) -> Text:
    line = told.line(file.source, file.key) if file.key else 0
    state = told.state(file)
    says = one_line(f"{file.key[-1]}: {file.says}") if line and file.says else ""
    mark = "" if told.before is None or state == "trusted" else f"  {state}"
    return Text.assemble(
        f"{file.name}{f':{line}' if line else ''}  ", (says, "dim"), (mark, "yellow")
    )


def print_json(told: Told) -> None:
    """Print the same for programs."""
    teams = [
        {
            "team": claim.team,
            "effects": claim.effects,
            "files": [
                {
                    "path": file.name,
                    "line": told.line(file.source, file.key) if file.key else 0,
                    "key": ".".join(file.key),
                    "says": file.says,
                    "state": told.state(file),
                }
                for file in claim.files
            ],
        }
        for claim in told.claims
    ]
    trusted = timestamp(told.before.at) if told.before is not None else None
    _put({"folder": _text(told.folder), "trusted": trusted, "teams": teams})


def print_trusted(known: Mapping[str, TrustedFolder], *, json: bool) -> None:
    """Print every trusted folder."""
    if json:
        _put(
            [
                {
                    "folder": _text(path),
                    "at": timestamp(each.at),
                    "files": sorted(each.files),
                    "there": Path(path).is_dir(),
                }
                for path, each in known.items()
            ]
        )
        return
    if not known:
        _print(Text("no folder is trusted"))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("folder", "since", "files"):
        table.add_column(column, overflow="fold", no_wrap=column == "since")
    for path, each in known.items():
        gone = "" if Path(path).is_dir() else ", the folder is gone"
        files = f"{counted(len(each.files), 'file')}{gone}"
        table.add_row(Text(_text(path)), f"{each.at:%Y-%m-%d %H:%M} UTC", files)
    _print(table)


def _text(path: str | Path) -> str:
    return one_line(
        str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )


def _print(*lines: Text | Table) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, Text))


def _put(value: object) -> None:
    Output(sys.stdout).put(f"{dumps(value)}\n")
