"""How the command says that something went wrong: one clear line, and the mend."""

import contextlib
import os
import sys
import tempfile
import traceback

from crew.errors import CrewError
from crew.plaintext import clean


def complain(title: str, message: str, hint: str = "") -> None:
    """Write `crew: Title: message` and the hint to standard error, if anyone still reads it."""
    first, *rest = clean(message).splitlines() or [""]
    lines = [f"crew: {title}: {first}", *(f"  {line}" for line in rest)]
    if hint:
        lines.append(f"  {clean(hint)}")
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()


def complain_of(error: CrewError) -> None:
    """Write an error of crew's own."""
    complain(error.title, error.message, error.hint)


def complain_of_bug(error: BaseException) -> None:
    """Write that crew is at fault, and keep the traceback in a file; `CREW_DEBUG=1` shows it."""
    trace = "".join(traceback.format_exception(error))
    if os.environ.get("CREW_DEBUG"):
        sys.stderr.write(trace)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="crew-error-", suffix=".txt", encoding="utf-8", delete=False
        ) as file:
            file.write(trace)
        where = f"the details are in {file.name}"
    except (OSError, UnicodeError):
        where = "the details could not be kept, CREW_DEBUG=1 shows them"
    complain("Unexpected", what, f"this is a bug in crew; {where}")


def sole_error(error: BaseException) -> BaseException:
    """The one error inside nested groups of one; a group of several as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
