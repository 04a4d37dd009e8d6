"""Processes that outlive the one that ran their run: found by the mark that it gave them."""

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel

from crew.tools.process import end_group

MARK = "CREW_RUN"
"""The variable in the environment of every process that a run's tools start: the run's folder."""

_PROC = Path("/proc")


async def end_leftovers(mark: str) -> int:
    """End what a run's lost process has left running; gives how many groups of processes.

    Where the system does not tell of other processes' environments, as outside of Linux, none are
    found.
    """
    groups = set(_marked(f"{MARK}={mark}".encode())) - {os.getpgrp()}
    async with anyio.create_task_group() as tasks:
        for group in groups:
            tasks.start_soon(end_group, group, anyio.lowlevel.checkpoint)
    return len(groups)


def _marked(mark: bytes) -> Iterator[int]:
    try:
        names = [name for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return
    for name in names:
        try:
            if mark in (_PROC / name / "environ").read_bytes().split(b"\0"):
                yield os.getpgid(int(name))
        except (OSError, ValueError):
            continue
