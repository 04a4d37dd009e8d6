"""The `crew` command, also as `python -m crew`; Ctrl+C ends it quietly from the first import on."""

import os
import signal
from typing import NoReturn

_CANCELLED = 130


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    # What the parent ignores stays ignored: that is how `nohup` works.
    meant = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if meant:
        signal.signal(signal.SIGINT, _leave)
    from crew.cli import main as run  # noqa: PLC0415 - takes time in which Ctrl+C may come

    if meant:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    finally:
        if meant:
            signal.signal(signal.SIGINT, _leave)


def _leave(number: int, _: object) -> NoReturn:
    os._exit(_CANCELLED)


if __name__ == "__main__":
    main()
