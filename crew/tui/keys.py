"""Every key of the observer: one registry that bindings, footer, help and palette are made from."""

from dataclasses import dataclass

from textual.binding import Binding, BindingType

from crew.view import Deed

RUN, SESSION, TASKS, MESSAGES, RUNS = "run", "session", "tasks", "messages", "runs"
_ALL = frozenset({RUN, SESSION, TASKS, MESSAGES})
_PANES = frozenset({RUN, TASKS, MESSAGES})
_EVERY = _ALL | {RUNS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One thing that a key does.

    Attributes:
        id: Names it for good; a screen does it in `do_<id>`.
        keys: Textual's names of the keys, with commas.
        shown: How the footer and the help write them.
        label: One word for the footer; empty keeps it out of there.
        brief: A shorter one, where room is short.
        help: What it does, in a few words.
        screens: Where it is there.
        deed: What it does to the run; it applies when that is possible.
        everywhere: Whether the app itself does it, whatever has the focus.
    """

    id: str
    keys: str
    shown: str
    help: str
    label: str = ""
    brief: str = ""
    screens: frozenset[str] = _ALL
    deed: Deed | None = None
    everywhere: bool = False


KEYS = (
    Key(id="down", keys="j,down", shown="j ↓", help="select the next row", screens=_EVERY),
    Key(id="up", keys="k,up", shown="k ↑", help="select the row before", screens=_EVERY),
    Key(id="page_down", keys="pagedown", shown="PgDn", help="a page on", screens=_EVERY),
    Key(id="page_up", keys="pageup", shown="PgUp", help="a page back", screens=_EVERY),
    Key(id="first", keys="g,home", shown="g Home", help="to the beginning", screens=_EVERY),
    Key(id="last", keys="G,end", shown="G End", help="to the end", screens=_EVERY),
    Key(
        id="open",
        keys="enter",
        shown="Enter",
        label="open",
        help="open the session of the row, at what the row is about",
        screens=_PANES,
    ),
    Key(
        id="open_run",
        keys="enter",
        shown="Enter",
        label="open",
        help="open the run of the row",
        screens=frozenset({RUNS}),
    ),
    Key(
        id="expand",
        keys="enter",
        shown="Enter",
        label="expand",
        help="show all of the entry; on a spawned session: go there",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="back",
        keys="backspace,escape",
        shown="Esc",
        label="back",
        help="up to the session, the run or the list above",
        screens=_ALL,
    ),
    Key(
        id="tasks",
        keys="t",
        shown="t",
        label="tasks",
        help="the task board, or the run again",
    ),
    Key(
        id="messages",
        keys="m",
        shown="m",
        label="messages",
        brief="msgs",
        help="what was said and asked, or the run again",
    ),
    Key(
        id="pane",
        keys="tab,shift+tab",
        shown="Tab",
        help="between the sessions and what happened",
        screens=frozenset({RUN}),
    ),
    Key(
        id="next_session",
        keys="right_square_bracket,tab",
        shown="] Tab",
        label="next",
        help="the next session",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="previous_session",
        keys="left_square_bracket,shift+tab",
        shown="[",
        help="the session before",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="answer",
        keys="a",
        shown="a",
        label="answer",
        help="answer a permission request",
        deed=Deed.ANSWER,
    ),
    Key(
        id="next_match",
        keys="n",
        shown="n",
        label="next match",
        brief="next",
        help="the next match",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="previous_match",
        keys="N",
        shown="N",
        help="the match before",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="steer",
        keys="s",
        shown="s",
        label="steer",
        help="say something into its work",
        deed=Deed.STEER,
    ),
    Key(
        id="pause",
        keys="p",
        shown="p",
        label="pause",
        help="pause or resume the session; twice: at once",
        deed=Deed.PAUSE,
    ),
    Key(
        id="step",
        keys="n",
        shown="n",
        label="step",
        help="let a paused session do one turn",
        deed=Deed.STEP,
    ),
    Key(
        id="cancel",
        keys="x",
        shown="x",
        label="cancel",
        help="cancel the session; asks once",
        deed=Deed.CANCEL,
    ),
    Key(
        id="retry",
        keys="R",
        shown="R",
        label="retry",
        help="run a task that did not complete again; a lost run goes on",
        screens=frozenset({RUN, TASKS}),
    ),
    Key(
        id="result",
        keys="r",
        shown="r",
        label="result",
        help="show the verdict and the findings, once it is over",
    ),
    Key(
        id="follow",
        keys="f",
        shown="f",
        label="follow",
        help="hold the end in view",
        screens=frozenset({SESSION, MESSAGES}),
    ),
    Key(
        id="search",
        keys="slash",
        shown="/",
        label="search",
        help="search the whole transcript",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="filter",
        keys="F",
        shown="F",
        label="filter",
        help="only messages, tools, steers and notices, or errors",
        screens=frozenset({SESSION}),
    ),
    Key(
        id="follow_up",
        keys="S",
        shown="S",
        label="follow-up",
        help="say something for after its work",
        deed=Deed.FOLLOW_UP,
    ),
    Key(
        id="pause_run",
        keys="P",
        shown="P",
        label="pause run",
        help="pause or resume the whole run",
        deed=Deed.PAUSE_RUN,
    ),
    Key(
        id="cancel_run",
        keys="X",
        shown="X",
        label="cancel run",
        help="cancel the whole run; asks once",
        deed=Deed.CANCEL_RUN,
    ),
    Key(
        id="open_file",
        keys="o",
        shown="o",
        label="edit",
        help="open the file that the entry or finding names in $EDITOR",
        screens=frozenset({SESSION}),
    ),
    Key(id="copy", keys="y", shown="y", help="copy the entry", screens=frozenset({SESSION})),
    Key(
        id="palette",
        keys="ctrl+p",
        shown="Ctrl+P",
        help="search what can be done here, and the themes",
        everywhere=True,
        screens=_EVERY,
    ),
    Key(
        id="help",
        keys="question_mark",
        shown="?",
        label="help",
        help="show the keys",
        screens=_EVERY,
    ),
    Key(
        id="leave",
        keys="q",
        shown="q",
        label="leave",
        help="leave the observer; the run goes on",
        screens=_EVERY,
    ),
    Key(
        id="interrupt",
        keys="ctrl+c",
        shown="Ctrl+C",
        help="ask to cancel the run; leaves when it is over",
        screens=_EVERY,
    ),
)

BY_ID = {key.id: key for key in KEYS}


def bindings(screen: str) -> list[BindingType]:
    """The bindings of a screen."""
    return [
        Binding(key.keys, f"do('{key.id}')", key.help, show=False, id=key.id)
        for key in KEYS
        if screen in key.screens and not key.everywhere
    ]


def shared(name: str, action: str) -> Binding:
    """The binding of a key for another action, on a screen that lies over the others."""
    key = BY_ID[name]
    return Binding(key.keys, action, key.help, show=False, id=key.id, priority=key.everywhere)
