"""How soon keys show next to an engine at work, in the programs as they are shipped.

    python -m bench.crowd [--live SESSIONS] [--watched SESSIONS]

`crew run` with a hundred sessions, engine and observer in one loop; then `crew run --detach` with a
thousand, and `crew watch` beside it. Each session streams 50 pieces of text a second, for as long
as its engine can. A key's wait ends when its effect has been written to the terminal.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from bench.figures import tell, tell_waits
from bench.terminal import Terminal, crew, on_terminal, share_of

RATE = 50
PIECE = "and so it goes on "
KEY_GOAL = 50.0
SECONDS = 5.0
_LISTER = "list"


def write(root: Path, sessions: int, rate: float) -> str:
    """Definitions of a team of so many talkers, all at once; the model to run them with."""
    steps = (
        f"## {_LISTER}\nrole: lister\noutput: {{type: object}}\n\nList.\n\n## talk\nrole: talker\n"
        f"needs: [{_LISTER}]\nforeach: steps.{_LISTER}.result.items\n\nTalk of {{item}}.\n"
    )
    team = (
        "workflow: crowd\nmembers: {lister: lister, talker: talker}\n"
        f"max_concurrency: {sessions}\nlimits: {{sessions: {sessions}}}\n---"
    )
    for kind, name, text in (
        ("agents", "lister", "tools: []\n---\nList."),
        ("agents", "talker", "tools: [ls]\nmax_turns: 10000\n---\nTalk."),
        ("workflows", "crowd", f"---\n\n{steps}"),
        ("teams", "crowd", team),
    ):
        path = root / ".crew" / kind / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\nname: {name}\ndescription: For measuring.\n{text}\n")
    items = {"items": [f"topic {number}" for number in range(sessions)]}
    talk = {
        "text": PIECE * 500,
        "chunk": len(PIECE),
        "pace": 1 / rate,
        "calls": [{"tool": "ls"}],
        "usage": {"input_tokens": 1000, "output_tokens": 500},
    }
    script = root / "script.json"
    lister = [{"calls": [{"tool": "submit_result", "args": items}]}]
    script.write_text(json.dumps({"loop": True, "agents": {"lister": lister, "talker": [talk]}}))
    return f"scripted:{script}"


def measure(terminal: Terminal, what: str) -> None:
    """The waits of keys on the run's screen and on a session's, and what the process costs."""
    tell_waits(f"{what}: j/k on the run", terminal.selection_waits(b"jk", 60), KEY_GOAL)
    mark = terminal.mark
    pressed = terminal.press(b"\r")
    took = terminal.when(lambda data: PIECE.encode() in data, mark) - pressed
    tell(f"{what}: Enter opens a session", took * 1e3, "ms")
    time.sleep(1)
    terminal.press(b"s")
    time.sleep(1)
    tell_waits(f"{what}: letters of a steer", terminal.typing_waits(60), KEY_GOAL)
    before = terminal.size
    tell(f"{what}: CPU of the process", terminal.cpu(SECONDS), "%")
    tell(f"{what}: written to the terminal", (terminal.size - before) / SECONDS / 1e3, "kB/s")


def live(sessions: int, rate: float) -> None:
    """Engine and observer in one process and one loop."""
    with tempfile.TemporaryDirectory(prefix="crew-bench-") as folder:
        root = Path(folder)
        model = write(root, sessions, rate)
        with on_terminal(root, "run", "crowd", "--model", model) as terminal:
            terminal.wait_for(f"{sessions} of {sessions + 1} sessions at work")
            time.sleep(SECONDS)
            measure(terminal, f"crew run, {sessions:,} sessions")


def watched(sessions: int, rate: float) -> None:
    """The engine in a process of its own, the observer beside it."""
    with tempfile.TemporaryDirectory(prefix="crew-bench-") as folder:
        root = Path(folder)
        run = crew(root, "run", "crowd", "--detach", "--model", write(root, sessions, rate))
        try:
            with on_terminal(root, "watch", run) as terminal:
                terminal.wait_for(f"{sessions} of {sessions + 1} sessions at work")
                time.sleep(SECONDS)
                measure(terminal, f"crew watch, {sessions:,} sessions")
                pid = json.loads((root / ".crew" / "runs" / run / "lock").read_text())["pid"]
                tell("  CPU of the engine beside it", share_of(pid, SECONDS), "%")
        finally:
            crew(root, "cancel", run)
            crew(root, "wait", run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--live", type=int, default=100, help="sessions of crew run; 0 for none")
    parser.add_argument("--watched", type=int, default=1000, help="of crew watch; 0 for none")
    parser.add_argument("--rate", type=float, default=RATE, help="pieces a second of each")
    args = parser.parse_args()
    if args.live:
        live(args.live, args.rate)
    if args.watched:
        watched(args.watched, args.rate)


if __name__ == "__main__":
    main()
