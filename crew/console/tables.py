"""Tables whose words stay whole: an address or a path runs over the edge, it is never broken."""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_whole(table: Table, console: Console) -> None:
    """Print a table of texts; its columns wrap between words only."""
    for column in table.columns:
        words = [word for cell in column.cells for word in _text(cell).split()]
        column.min_width = max(map(len, words), default=1)
    console.print(table, crop=False)


def _text(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
