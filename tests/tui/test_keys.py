"""Other keys for the same actions."""

from pathlib import Path

import pytest

from crew.cli.observe import key_ring
from crew.commands import Steer
from crew.errors import ConfigError, UsageError
from crew.tui.key_names import key_name, shown_keys
from crew.tui.key_ring import KeyRing, keymap
from crew.tui.keys import KEYS
from crew.tui.run_screen import RunScreen
from crew.tui.session_screen import SessionScreen
from tests.doubles.observers import Remembering, observer, screen_text, settle, until

SIZE = (100, 40)
RUNNING = 35
"""The golden run while two sessions work."""


def test_a_key_that_is_taken_is_refused_with_both_names() -> None:
    with pytest.raises(UsageError, match="s would mean both") as refusal:
        keymap({"pause": "s"})
    assert {"steer", "pause"} <= set(str(refusal.value).split())


def test_an_action_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no action 'steeer'") as refusal:
        keymap({"steeer": "f"})
    assert refusal.value.hint == "did you mean steer?"


@pytest.mark.parametrize("written", ["", "ctrlx", "hyper+s", "F99", "s s"])
def test_a_key_that_no_keyboard_sends_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="steer: there is no key"):
        keymap({"steer": written})


@pytest.mark.parametrize(
    ("written", "name", "shown"),
    [
        ("/", "slash", "/"),
        ("?", "question_mark", "?"),
        ("Ctrl+S", "ctrl+s", "Ctrl+S"),
        ("shift+s", "S", "S"),
        ("F5", "f5", "F5"),
        ("ctrl+/", "ctrl+slash", "Ctrl+/"),
        ("PageDown", "pagedown", "PgDn"),
        ("space", "space", "Space"),
        ("é", "é", "é"),
    ],
)
def test_a_key_is_written_as_people_write_it(written: str, name: str, shown: str) -> None:
    assert key_name("steer", written) == name
    assert shown_keys(name) == shown


def test_two_actions_may_change_places_and_what_stays_the_same_is_no_change() -> None:
    assert keymap({"steer": "p", "pause": "s"}) == {"steer": "p", "pause": "s"}
    assert keymap({"next_match": "n", "step": "n"}) == {}
    with pytest.raises(UsageError, match="would mean both"):
        keymap({"steer": ","} | {"pause": ","})


def test_the_registry_names_each_action_once() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    assert [key.id for key in KeyRing({"steer": "f5"}).listed("run")] == [
        key.id for key in KEYS if "run" in key.screens
    ]


async def test_a_chosen_key_does_what_the_old_one_did_and_the_old_one_nothing() -> None:
    control = Remembering()
    app = observer(until(RUNNING), control=control, keys={"steer": "ctrl+s,f5", "step": "f6"})
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "s")
        assert not any("steer code-review:" in line for line in screen_text(app))
        assert "Ctrl+S/S steer" in screen_text(app)[-1]
        for key in ("ctrl+s", "f5"):
            await pilot.press(key, "h", "i", "enter")
            await settle(pilot)
    assert [type(each) for each in control.sent] == [Steer, Steer]


async def test_keys_that_change_places_and_one_that_was_shared_still_work() -> None:
    control = Remembering()
    swapped = {"steer": "p", "pause": "s", "step": "f6", "back": "h"}
    app = observer(until(RUNNING), control=control, keys=swapped)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "p", "h", "i", "enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.stage, SessionScreen)
        await pilot.press("g", "slash", *"findings", "enter")
        await settle(pilot)
        found = app.stage.transcript.cursor
        await pilot.press("n")
        await settle(pilot)
        assert app.stage.transcript.cursor > found
        assert any("h ends the search" in line for line in screen_text(app))
        await pilot.press("escape")
        assert isinstance(app.stage, SessionScreen)
        await pilot.press("h", "h")
        await settle(pilot)
        assert isinstance(app.stage, RunScreen)
    assert [type(each) for each in control.sent] == [Steer]


async def test_help_the_question_and_the_palette_tell_of_the_chosen_keys() -> None:
    keys = {"cancel": "f8", "help": "f1", "palette": "ctrl+k", "result": "v"}
    app = observer(until(RUNNING), control=Remembering(), keys=keys)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("g", "j", "f8")
        await settle(pilot)
        assert any("F8 again cancels it" in line for line in screen_text(app))
        await pilot.press("f1")
        await pilot.pause()
        helped = [line.strip().split("  ")[0] for line in screen_text(app)]
        assert "F8" in helped
        assert "Ctrl+K" in helped
        await pilot.press("f1")
        await pilot.press("ctrl+p")
        assert app.screen is app.stage
        await pilot.press("ctrl+k")
        await pilot.pause()
        assert app.screen is not app.stage
        text = "".join(screen_text(app))
        assert "Search for commands" in text
        assert "🔎" not in text


def test_a_mistake_in_the_settings_names_the_file_and_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = tmp_path / "crew" / "config.toml"
    config.parent.mkdir()
    config.write_text('[keys]\nsteer = "x"\n')
    with pytest.raises(ConfigError, match="would mean both steer and cancel") as refused:
        key_ring()
    assert refused.value.message.startswith(f"{config}:2: keys: x")
    config.write_text('[keys]\nsteer = "f5"\n')
    assert key_ring().shown("steer") == "F5"
