"""The run: its tasks and sessions as a tree, and below it what happened."""

from collections.abc import Hashable, Iterable

from textual.widget import Widget

from crew.tui.bars import Bar, Span
from crew.tui.keys import RUN, Key, bindings
from crew.tui.line_view import LineView
from crew.tui.list_stage import ListStage
from crew.tui.run_model import Changes
from crew.tui.session_tree import SessionTree
from crew.tui.story import KEPT, StoryView
from crew.view import StoryLine, Tone, foremost_session, goal_words, model_words, total_words


class RunScreen(ListStage):
    """Two panes: who is at work on what, and what happened."""

    NAME = RUN
    BINDINGS = bindings(RUN)
    DEFAULT_CSS = """
    RunScreen #goal { margin: 0; }
    RunScreen SessionTree { height: 2fr; min-height: 4; }
    RunScreen StoryView { height: 1fr; min-height: 3; }
    RunScreen #story-title { margin: 1 0 0 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._untold: list[StoryLine] = []
        self._chosen: Hashable = None

    @property
    def session(self) -> str | None:
        """The session of the selected row."""
        return self.tree_pane.session

    @property
    def chosen_task(self) -> str:
        """The selected task."""
        return self.tree_pane.chosen if not self.story.has_focus else ""

    @property
    def main(self) -> Widget:
        """The tree."""
        return self.tree_pane

    @property
    def tree_pane(self) -> SessionTree:
        """The pane with the sessions."""
        return self.query_one(SessionTree)

    @property
    def story(self) -> StoryView:
        """The pane with what happened."""
        return self.query_one(StoryView)

    @property
    def pane(self) -> LineView:
        """The pane that has the keys."""
        return self.story if self.story.has_focus else self.tree_pane

    def body(self) -> Iterable[Widget]:
        """Goal, totals, headings, tree, story."""
        yield Bar(id="goal")
        yield Bar(id="totals")
        yield Bar(id="headings")
        yield SessionTree()
        yield Bar(id="story-title")
        yield StoryView()

    def picture(self, changes: Changes) -> None:
        """Show what changed in the panes and the lines above them."""
        view, now = self.observer.view, self.observer.now()
        tree = self.tree_pane
        if changes.events or changes.moved:
            tree.show(view, now, outlined=changes.events)
            if self._chosen is not None and (index := tree.index_of(self._chosen)) >= 0:
                self._chosen = None
                tree.select(index)
            # Which session is foremost changes by events alone.
            if changes.events and not self.observer.touched and (busy := foremost_session(view)):
                tree.select_session(busy)
            model = model_words(view)
            self.query_one("#goal", Bar).say(
                [Span(text=f" {goal_words(view)}")], [Span(text=f"{model} ", look=Tone.SECONDARY)]
            )
            self.query_one("#totals", Bar).say(
                [Span(text=f" {total_words(view, width=self.size.width - 1)}", look=Tone.SECONDARY)]
            )
            self.query_one("#headings", Bar).say([Span(text=tree.headings, look=Tone.SECONDARY)])
            empty = "" if tree.count else "  no task has begun yet"
            self.query_one("#story-title", Bar).say(
                [Span(text=" what happened", look=Tone.SECONDARY, strong=True), Span(text=empty)]
            )
        else:
            tree.tick(now)
        if changes.story or self._untold:
            self.story.tell([*self._untold, *changes.story])
            self._untold.clear()

    def start_over(self) -> None:
        """Show this run from its beginning; the row that is selected stays it."""
        self._chosen = self.tree_pane.standing().cursor
        self._untold.clear()
        self._said = None
        self.story.clear()
        self.refresh_all()

    def keep(self, story: Iterable[StoryLine]) -> None:
        """Take what happened while another screen is in front; shown when this one is again."""
        self._untold.extend(story)
        del self._untold[:-KEPT]

    def do_pane(self) -> None:
        """Give the keys to the other pane."""
        (self.tree_pane if self.story.has_focus else self.story).focus()

    def do_open(self) -> None:
        """Open the session of the selected row."""
        session = self.story.session if self.story.has_focus else self.tree_pane.session
        if session and session in self.observer.view.sessions:
            self.observer.open(session)
        elif self.observer.view.sessions:
            self.observer.open_latest()
        else:
            self.say("no session has begun yet")

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        if key.id == "back":
            return self.observer.runs is not None
        return super().applies(key)

    def do_back(self) -> None:
        """Go back to the list of runs."""
        self.observer.back()
