"""What all screens share: the lines around the panes, the question, the composer, the card."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from crew.tui.approval import ApprovalCard
from crew.tui.bars import Bar, Span, hints, labels
from crew.tui.composer import WRITING, Composer
from crew.tui.keys import BY_ID, Key, listed
from crew.tui.palette import SIGNS
from crew.tui.result_screen import open_result, result_of
from crew.tui.run_model import Changes
from crew.view import (
    RUN,
    Deed,
    PermissionView,
    Tone,
    crumbs,
    pause_deed,
    possible,
    run_state,
)

if TYPE_CHECKING:
    from crew.tui.app import Observer

LEAST_WIDTH, LEAST_HEIGHT = 48, 14

_ALTERNATIVES = {
    "pause": (Deed.PAUSE, Deed.PAUSE_HARD, Deed.RESUME),
    "pause_run": (Deed.PAUSE_RUN, Deed.RESUME_RUN),
}
_PAUSE_LABELS = {Deed.PAUSE_HARD: "pause now", Deed.RESUME: "resume"}


class Stage(Screen[None]):
    """A screen of the observer; a pane in the middle, the same lines around it."""

    NAME: ClassVar[str]
    TRAIL: ClassVar[tuple[str, ...]] = ()
    """Names behind the crumbs, for what is no session."""
    DEFAULT_CSS = """
    Stage { layers: default card small; }
    Stage #crumbs { background: $panel; }
    Stage #small { layer: small; display: none; width: 1fr; height: 1fr;
                   content-align: center middle; }
    Stage.-small #small { display: block; }
    Stage.-small #stage { display: none; }
    """
    BLANK = True

    def __init__(self) -> None:
        super().__init__()
        self._asked = ""
        self._confirmed = False
        self._said: Span | None = None

    @property
    def observer(self) -> "Observer":
        """The app."""
        app: Observer = self.app  # type: ignore[assignment]  # stages live in an Observer only
        return app

    @property
    @abstractmethod
    def session(self) -> str | None:
        """The session that keys are about."""

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The lines and panes between the crumbs and the message."""

    @abstractmethod
    def picture(self, changes: Changes) -> None:
        """Show what changed."""

    @property
    @abstractmethod
    def main(self) -> Widget:
        """The pane that has the keys."""

    def compose(self) -> ComposeResult:
        """Crumbs, what the screen is for, a message, the keys."""
        with Vertical(id="stage"):
            yield Bar(id="crumbs")
            yield from self.body()
            yield Bar(id="message")
            yield Composer()
            yield Bar(id="hints")
        yield ApprovalCard()
        yield Static("this terminal is too small for the observer", id="small")

    def on_mount(self) -> None:
        """Give the keys to the pane."""
        self.main.focus()

    def on_screen_resume(self) -> None:
        """Show the run as it is now, after another screen was in front."""
        self.refresh_all()

    def on_resize(self, event: events.Resize) -> None:
        """Say so where the terminal is too small."""
        size = event.size
        self.set_class(size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT, "-small")
        self.call_after_refresh(self.refresh_all)

    @property
    def ready(self) -> bool:
        """Whether its parts are there."""
        return self.is_mounted

    def refresh_all(self) -> None:
        """Show everything anew."""
        self.show(Changes(events=True, moved=True))

    def show(self, changes: Changes) -> None:
        """Show what changed, and the lines around it."""
        if not self.ready:
            return
        view, now = self.observer.view, self.observer.now()
        mark, words = run_state(view, now)
        left = [Span(text=" ")]
        for place, crumb in enumerate(crumbs(view, self.crumb)):
            if place:
                left.append(Span(text=" > ", look=Tone.SECONDARY))
            left.append(Span(text=crumb.name, strong=True, target=crumb.session or "run"))
        for name in self.TRAIL:
            left += [Span(text=" > ", look=Tone.SECONDARY), Span(text=name, strong=True)]
        state = [Span(text=f"{SIGNS[mark]} ", look=mark), Span(text=f"{words} ", look=mark)]
        self.query_one("#crumbs", Bar).say(left, state)
        self.picture(changes)
        self._show_card()
        self.show_message()
        self.show_hints()

    @property
    def crumb(self) -> str:
        """Where the crumbs lead to."""
        return RUN

    # Message, question, keys.

    def say(self, text: str, tone: Tone = Tone.SECONDARY) -> None:
        """Put a word on the message line, until the next key."""
        self._said = Span(text=f" {text}", look=tone)
        self.show_message()

    def show_message(self) -> None:
        """The question, else what was said last, else the answer to the last command."""
        bar = self.query_one("#message", Bar)
        if self._said is not None:
            bar.say([self._said])
            return
        if self.observer.reply is None:
            bar.say([])
            return
        good, words = self.observer.reply
        bar.say([Span(text=f" {words}", look=Tone.PERSON if good else Tone.BAD)])

    def show_hints(self) -> None:
        """The keys that apply now; while one writes, those of the line."""
        if self.query_one(Composer).display:
            self.query_one("#hints", Bar).say(labels(WRITING))
            return
        keys = [
            (key, self._label(key)) for key in listed(self.NAME) if key.label and self.applies(key)
        ]
        keys.sort(key=lambda each: each[0].id in {"help", "leave"})
        self.query_one("#hints", Bar).say(hints(keys, self.size.width))

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        if key.id == "result":
            return result_of(self.observer, self.crumb) is not None
        if key.deed is None:
            return True
        can = self.observer.possible(self.session)
        return any(deed in can for deed in _ALTERNATIVES.get(key.id, (key.deed,)))

    def _label(self, key: Key) -> str:
        if key.id == "pause":
            deed = pause_deed(self.observer.view, self.session or "")
            return _PAUSE_LABELS.get(deed, key.label) if deed else key.label
        if key.id == "pause_run" and Deed.RESUME_RUN in possible(self.observer.view, None):
            return "resume run"
        return key.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let keys that do not apply pass by."""
        return action != "do" or self.applies(BY_ID[str(parameters[0])])

    def action_do(self, name: str) -> None:
        """Do what a key stands for; whatever it is, an open question is settled by it."""
        self.observer.touched = True
        asked, self._asked, self._said = self._asked, "", None
        self._confirmed = asked == name
        getattr(self, f"do_{name}")()
        self.show_message()
        self.show_hints()

    def ask(self, name: str, question: str) -> bool:
        """Ask once before a key does its work; True when it was asked already.

        Args:
            name: The key's id.
            question: What to put on the message line.
        """
        if self._confirmed:
            return True
        self._asked = name
        self.say(question, Tone.BAD)
        return False

    # What the keys do on every screen.

    def do_steer(self) -> None:
        """Write a steer."""
        self._write_to("steer", Deed.STEER)

    def do_follow_up(self) -> None:
        """Write a follow-up."""
        self._write_to("follow-up to", Deed.FOLLOW_UP)

    def do_pause(self) -> None:
        """Hold the session, hold it harder, or let it go on."""
        if self.session and (deed := pause_deed(self.observer.view, self.session)):
            self.observer.command(deed, self.session)

    def do_step(self) -> None:
        """Let the session do one turn."""
        self.observer.command(Deed.STEP, self.session or "")

    def do_cancel(self) -> None:
        """Cancel the session, asking once."""
        if self.ask("cancel", f"cancel {self.session}? x again cancels it, any other key keeps it"):
            self.observer.command(Deed.CANCEL, self.session or "")

    def do_pause_run(self) -> None:
        """Hold the run, or let it go on."""
        paused = Deed.RESUME_RUN in self.observer.possible(None)
        self.observer.command(Deed.RESUME_RUN if paused else Deed.PAUSE_RUN)

    def do_cancel_run(self) -> None:
        """Cancel the run, asking once."""
        if self.ask(
            "cancel_run", "cancel the whole run? X again cancels it, any other key keeps it"
        ):
            self.observer.command(Deed.CANCEL_RUN)

    def do_interrupt(self) -> None:
        """Cancel the run, asking once; leave when it is over."""
        if Deed.CANCEL_RUN not in self.observer.possible(None):
            self.observer.leave()
        elif self.ask("interrupt", "cancel the whole run? Ctrl+C again cancels it; q only leaves"):
            self.observer.command(Deed.CANCEL_RUN)

    def do_answer(self) -> None:
        """Show what is asked."""
        asks = self.observer.view.asks
        mine = [ask for ask in asks if ask.session == self.session]
        if asks:
            self.query_one(ApprovalCard).show((mine or list(asks))[0])

    def do_result(self) -> None:
        """Show what it came to."""
        self.run_worker(open_result(self.observer, self.crumb), group="result", exclusive=True)

    def do_help(self) -> None:
        """Show the keys."""
        self.observer.show_help(self.NAME)

    def do_leave(self) -> None:
        """Leave the observer."""
        self.observer.leave()

    def _write_to(self, prompt: str, deed: Deed) -> None:
        subject = self.session or ""
        self._write(f"{prompt} {subject}", purpose=deed.value, subject=subject)

    def _write(self, prompt: str, *, purpose: str, subject: str, empty: bool = False) -> None:
        self.query_one("#message", Bar).display = False
        self.query_one(Composer).ask(prompt, purpose=purpose, subject=subject, empty=empty)
        self.show_hints()

    # What comes back.

    def on_composer_written(self, event: Composer.Written) -> None:
        """Send what was written."""
        event.stop()
        self._written()
        self.written(event.purpose, event.subject, event.text)

    def written(self, purpose: str, subject: str, text: str) -> None:
        """Do what a line was written for."""
        if purpose == "deny":
            self.observer.answer(subject, "deny", text)
        elif purpose in {Deed.STEER, Deed.FOLLOW_UP}:
            self.observer.command(Deed(purpose), subject, text)

    def on_composer_left(self, event: Composer.Left) -> None:
        """Give the keys back to the pane."""
        event.stop()
        self._written()

    def on_approval_card_answered(self, event: ApprovalCard.Answered) -> None:
        """Send the word; a denial may have a reason."""
        event.stop()
        if event.decision == "deny":
            prompt = f"deny {event.ask.tool}, because (Enter for no reason)"
            self._write(prompt, purpose="deny", subject=event.ask.request, empty=True)
            return
        self.observer.answer(event.ask.request, event.decision)
        self.main.focus()

    def on_approval_card_left(self, event: ApprovalCard.Left) -> None:
        """Give the keys back to the pane."""
        event.stop()
        self.main.focus()

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Go where a crumb leads, or do what a key would."""
        event.stop()
        if event.bar.id == "crumbs":
            self.observer.open(event.target if event.target != "run" else None)
        elif event.target in BY_ID and self.applies(BY_ID[event.target]):
            self.action_do(event.target)

    def _written(self) -> None:
        self.query_one("#message", Bar).display = True
        self.main.focus()
        self.show_hints()

    def _show_card(self) -> None:
        """Take the card away when its request was answered or its session ended."""
        card = self.query_one(ApprovalCard)
        open_requests: list[PermissionView] = list(self.observer.view.asks)
        if card.request and card.request not in {ask.request for ask in open_requests}:
            card.close()
            self.main.focus()
