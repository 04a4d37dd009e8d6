"""Front ends without a screen: plain lines, JSON lines and a calm Rich display."""

from crew.console.frame import Frame
from crew.console.json_lines import event_json, follow_json, outcome_json, progress_json
from crew.console.live import LiveDisplay
from crew.console.output import Output
from crew.console.pages import print_entries, print_run, runs_table
from crew.console.plain import follow_plain
from crew.console.report import report_path, show_result, write_report

__all__ = [
    "Frame",
    "LiveDisplay",
    "Output",
    "event_json",
    "follow_json",
    "follow_plain",
    "outcome_json",
    "print_entries",
    "print_run",
    "progress_json",
    "report_path",
    "runs_table",
    "show_result",
    "write_report",
]
