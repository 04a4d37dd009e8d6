"""The footer: the keys that apply, as many as fit, whole."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from crew.tui.footer import IMPORTANCE, hints
from crew.tui.keys import BY_ID, KEYS, Key
from tests.doubles.observers import Remembering, observer, screen_text, settle, until

LABELLED = [key for key in KEYS if key.label]
ALWAYS = [BY_ID["help"], BY_ID["leave"]]
ASKED, RUNNING = 17, 35


def told(keys: list[Key], width: int) -> str:
    return "".join(span.text for span in hints([(key, key.label) for key in keys], width))


def named(*names: str) -> list[Key]:
    return [BY_ID[name] for name in (*names, "help", "leave")]


def test_every_key_with_a_word_has_its_rank() -> None:
    assert sorted(IMPORTANCE) == sorted(key.id for key in LABELLED)


choices = st.sets(st.sampled_from([key for key in LABELLED if key not in ALWAYS]))


@given(choices, st.integers(48, 250))
def test_it_fits_and_ends_with_help_and_leave_and_no_word_is_cut(
    keys: set[Key], width: int
) -> None:
    shown = told([*keys, *ALWAYS], width)
    assert cell_len(shown) <= width
    assert shown.split()[-4:] in (["?", "help", "q", "leave"], ["?", "more", "q", "leave"])
    words = {word for key in LABELLED for word in (*key.label.split(), *key.brief.split())}
    symbols = {part for key in LABELLED for part in key.shown.split()}
    loose = {part for word in shown.split() for part in (word, *word.split("/"))} - {"/", ""}
    assert {part for part in loose if "/" not in part} <= words | symbols | {"more"}


@given(choices, st.integers(48, 250))
def test_what_is_left_out_is_less_important_than_all_that_is_shown(
    keys: set[Key], width: int
) -> None:
    spans = hints([(key, key.label) for key in (*keys, *ALWAYS)], width)
    shown = {span.target for span in spans} - {"", "help", "leave"}
    left = {key.id for key in keys} - shown
    assert ("more" in "".join(span.text for span in spans)) is bool(left)
    rank = IMPORTANCE.index
    kin = {"follow_up", "pause_run", "cancel_run"}
    if left - kin and shown - kin:
        assert max(map(rank, shown - kin)) < min(map(rank, left - kin))


def test_where_room_is_short_gaps_shrink_first_then_kin_share_a_word() -> None:
    keys = named("open", "steer", "pause", "follow_up", "pause_run", "tasks")
    wide = "Enter open   s steer   p pause   t tasks   S follow-up   P pause run   ? help   q leave"
    assert told(keys, 90) == f" {wide}"
    assert told(keys, 84) == f" {wide}".replace("   ", "  ")
    assert told(keys, 70) == " Enter open  s/S steer  p/P pause  t tasks  ? help  q leave"
    assert told(keys, 50) == " Enter open  s/S steer  p/P pause  ? more  q leave"


def test_kin_that_say_something_else_keep_their_own_words() -> None:
    keys = named("pause", "pause_run", "cancel", "cancel_run")
    words = [(key, "resume" if key.id == "pause" else key.label) for key in keys]
    shown = "".join(span.text for span in hints(words, 55))
    assert shown == " p resume  x/X cancel  P pause run  ? help  q leave"


async def test_at_eighty_columns_a_run_at_work_shows_all_its_keys() -> None:
    app = observer(until(RUNNING), control=Remembering())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert screen_text(app)[-1] == (
            " Enter open  s/S steer  p/P pause  x/X cancel  t tasks  m msgs  ? help  q leave"
        )


async def test_each_part_of_a_shared_word_can_be_clicked() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        place = screen_text(app)[-1].index("p/P")
        await pilot.click("#hints", offset=(place + 2, 0))
        await pilot.click("#hints", offset=(place, 0))
        await settle(pilot)
    assert [each.model_dump()["session"] for each in control.sent] == [None, "code-review"]


async def test_a_card_takes_its_keys_out_of_the_footer_while_it_has_them() -> None:
    app = observer(until(ASKED), control=Remembering())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "s/S steer" in screen_text(app)[-1]
        await pilot.press("a")
        await settle(pilot)
        assert "s/S steer" not in screen_text(app)[-1]
        await pilot.press("escape")
        await settle(pilot)
        assert "s/S steer" in screen_text(app)[-1]


async def test_enter_and_o_are_named_by_what_they_do_to_the_entry() -> None:
    app = observer(until(RUNNING))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "enter", "g")
        await settle(pilot)
        footer = screen_text(app)[-1]
        assert "Enter expand" in footer
        assert "o edit" not in footer
        await pilot.press("enter")
        assert "Enter close" in screen_text(app)[-1]
        named_there, opens = False, False
        for _ in range(12):
            await pilot.press("j")
            await settle(pilot)
            named_there |= "o edit" in screen_text(app)[-1]
            opens |= "Enter open" in screen_text(app)[-1]
        assert named_there
        assert opens
