"""Golden files: what a run printed once, compared to the byte. `CREW_UPDATE_GOLDEN=1` rewrites."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"


def check_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("CREW_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} differs; CREW_UPDATE_GOLDEN=1 writes"
