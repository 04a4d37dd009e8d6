"""Front ends without a screen: plain lines, JSON lines and a calm Rich display."""

from crew.console.display import Display
from crew.console.documents import run_document, runs_document
from crew.console.frame import Frame
from crew.console.json_lines import (
    JsonDisplay,
    dumps,
    entry_json,
    event_json,
    outcome_json,
    progress_json,
)
from crew.console.live import LiveDisplay
from crew.console.output import Output
from crew.console.pages import ListedRun, print_entries, print_run, runs_table
from crew.console.plain import PlainDisplay
from crew.console.report import report_path, short_path, show_result, write_report
from crew.console.tables import print_whole

__all__ = [
    "Display",
    "Frame",
    "JsonDisplay",
    "ListedRun",
    "LiveDisplay",
    "Output",
    "PlainDisplay",
    "dumps",
    "entry_json",
    "event_json",
    "outcome_json",
    "print_entries",
    "print_run",
    "print_whole",
    "progress_json",
    "report_path",
    "run_document",
    "runs_document",
    "runs_table",
    "short_path",
    "show_result",
    "write_report",
]
