"""The crew program in processes of its own, with a scripted model and a folder to work in."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULT = {
    "verdict": "request_changes",
    "summary": "One bug.",
    "findings": [
        {
            "title": "Rounded parts may not add up",
            "body": "10 in 3 parts is 9.99.",
            "priority": "P1",
            "confidence": 0.9,
            "file": "split.py",
            "line": 2,
        }
    ],
}


def submit(value: Any) -> dict[str, Any]:
    return {"calls": [{"tool": "submit_result", "args": value}]}


def review_script(**agents: Any) -> dict[str, Any]:
    """A script in which every member of the review team does its part at once."""
    played = {
        "explorer": [submit({"summary": "1 file changed", "files": []})],
        "reviewer": [submit({"summary": "One bug.", "findings": RESULT["findings"]})],
        "security-reviewer": [submit({"summary": "Nothing.", "findings": []})],
        "verifier": [submit(RESULT)],
    }
    return {"agents": {**played, **{key.replace("_", "-"): turns for key, turns in agents.items()}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Runs `crew` in `folder`, with all that it keeps below it."""

    folder: Path

    def model(self, script: Mapping[str, Any]) -> str:
        """Write a script; the name of the model that plays it."""
        path = self.folder / "script.json"
        path.write_text(json.dumps(script), encoding="utf-8")
        return f"scripted:{path}"

    def start(self, args: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start it; `close` names a descriptor that it does not get, the rest is `Popen`'s."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CREW_HOME": str(self.folder / "home"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUTF8": "1",
            "TMPDIR": str(self.folder),
        }
        command = [sys.executable, "-m", "crew", *args]
        if closed := options.pop("close", ""):
            command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *command]
        return subprocess.Popen(
            command,
            cwd=self.folder / "work",
            env={**environ, **options.pop("env", {})},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )

    def run(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        with self.start(args, **options) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, out, err)


def program(folder: Path) -> Program:
    """A program whose workspace has one file in it."""
    work = folder / "work"
    work.mkdir()
    (work / "split.py").write_text("def split(total, n):\n    return [round(total / n, 2)] * n\n")
    return Program(folder=folder)
