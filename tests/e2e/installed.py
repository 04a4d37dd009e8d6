"""The program as it was installed, run in folders of its own and never for long."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 60


def installed_command() -> tuple[str, ...]:
    """The program beside this interpreter, or else the module."""
    program = Path(sys.executable).with_name("crew")
    return (str(program),) if program.exists() else (sys.executable, "-m", "crew")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    def outcome(self) -> dict[str, Any]:
        """The last line of a run's `--json`."""
        value: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        assert value["kind"] == "outcome"
        return value

    def places(self) -> set[tuple[str, int, str]]:
        """Where a `--json` run found something: file, line, rule."""
        findings = self.outcome()["result"]["findings"]
        return {(found["file"], found["line"], found["rule"]) for found in findings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Runs the installed `crew`.

    Attributes:
        cwd: Where it runs.
        home: An empty home folder, for what it should not touch.
        command: The program and what goes before its arguments.
    """

    cwd: Path
    home: Path
    command: tuple[str, ...] = field(default_factory=installed_command)

    def environ(self, **more: str) -> dict[str, str]:
        """All that the program knows of this machine."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "TMPDIR": str(self.home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **more,
        }

    def run(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        before: tuple[str, ...] = (),
        seconds: float = SECONDS,
        **streams: Any,
    ) -> Done:
        """Run it to its end; all that it started is ended with it.

        Args:
            before: A program that starts it, such as `("unshare", "-m")`.
        """
        with subprocess.Popen(
            [*before, *self.command, *args],
            cwd=cwd or self.cwd,
            env=self.environ(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=streams.pop("stdout", subprocess.PIPE),
            stderr=streams.pop("stderr", subprocess.PIPE),
            start_new_session=True,
            **streams,
        ) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        done = Done(code=process.returncode, out=_text(out), err=_text(err))
        assert "Traceback" not in done.err, done.err
        return done

    def review(self, *args: str, **options: Any) -> Done:
        """Run the review team with `--json`; it ends well."""
        done = self.run("run", "review", "--json", *args, **options)
        assert done.code == 0, done.err
        return done


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "backslashreplace")
