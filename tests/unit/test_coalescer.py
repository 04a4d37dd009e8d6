from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from crew.bus.coalescer import Coalescer

INTERVAL = 0.125
"""Exact in binary, as all times here are, so that sums do not depend on their order."""

Action = tuple[float, str, str]

actions = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1 / 64, 1 / 64, 2 / 64, 3 / 64, 7 / 64, INTERVAL, 0.25]),
        st.sampled_from(["offer"] * 6 + ["flush"] * 2 + ["end"]),
        st.sampled_from("ab"),
    ),
    max_size=60,
)


class Play:
    """Plays actions in virtual time, and notes each send with the value it took."""

    def __init__(self) -> None:
        self.coalescer: Coalescer[str] = Coalescer(INTERVAL)
        self.now = 100.0
        self.value: dict[str, int] = defaultdict(int)
        self.offers: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self.sends: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
        self.ended: dict[str, float] = {}

    def send(self, key: str, why: str) -> None:
        self.sends[key].append((self.now, self.value[key], why))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.coalescer.next_due) is not None and due <= until:
            self.now = max(self.now, due)
            keys = self.coalescer.due(self.now)
            assert keys, "next_due named a time at which nothing was due"
            for key in keys:
                self.send(key, "due")
        self.now = until

    def act(self, action: str, key: str) -> None:
        if action == "offer":
            self.value[key] += 1
            if key not in self.ended:
                self.offers[key].append((self.now, self.value[key]))
            if self.coalescer.offer(key, self.now):
                self.send(key, "offer")
        elif action == "flush":
            if self.coalescer.flush(key, self.now):
                self.send(key, "flush")
        else:
            if self.coalescer.end(key, self.now):
                self.send(key, "flush")
            self.ended.setdefault(key, self.now)


def play(steps: list[Action]) -> Play:
    played = Play()
    for seconds, action, key in steps:
        played.wait(seconds)
        played.act(action, key)
    played.wait(10)
    return played


@settings(max_examples=300)
@given(actions)
def test_the_newest_value_is_always_sent_within_one_interval(steps: list[Action]) -> None:
    played = play(steps)
    for key, offers in played.offers.items():
        for at, value in offers:
            sent = min(time for time, newest, _ in played.sends[key] if newest >= value)
            assert sent <= at + INTERVAL


@settings(max_examples=300)
@given(actions)
def test_at_most_one_is_sent_an_interval_but_for_flushes(steps: list[Action]) -> None:
    for sends in play(steps).sends.values():
        for (earlier, _, _), (later, _, why) in pairwise(sends):
            assert why == "flush" or later - earlier >= INTERVAL


@settings(max_examples=300)
@given(actions)
def test_nothing_is_sent_that_did_not_change_and_nothing_after_the_end(
    steps: list[Action],
) -> None:
    played = play(steps)
    for key, sends in played.sends.items():
        values = [value for _, value, _ in sends]
        assert values == sorted(set(values))
        assert all(at <= played.ended.get(key, at) for at, _, _ in sends)


@settings(max_examples=200)
@given(actions)
def test_keys_do_not_touch_each_other(steps: list[Action]) -> None:
    together = play(steps)
    for key in "ab":
        waited, alone = 0.0, list[Action]()
        for seconds, action, name in steps:
            waited += seconds
            if name == key:
                alone.append((waited, action, name))
                waited = 0.0
        apart = [value for _, value, _ in play(alone).sends[key]]
        assert [value for _, value, _ in together.sends[key]] == apart


def test_the_first_offer_is_sent_at_once() -> None:
    coalescer: Coalescer[str] = Coalescer()
    assert coalescer.offer("a", 5.0)
    assert coalescer.next_due is None


def test_an_offer_after_a_quiet_interval_is_sent_at_once() -> None:
    coalescer: Coalescer[str] = Coalescer()
    coalescer.offer("a", 5.0)
    assert not coalescer.offer("a", 5.1)
    assert coalescer.due(5.15) == ["a"]
    assert coalescer.offer("a", 5.31)


def test_a_flush_begins_a_new_interval() -> None:
    coalescer: Coalescer[str] = Coalescer()
    coalescer.offer("a", 5.0)
    coalescer.offer("a", 5.1)
    assert coalescer.flush("a", 5.12)
    assert not coalescer.offer("a", 5.2)
    assert coalescer.due(5.26) == []
    assert coalescer.due(5.28) == ["a"]


def test_an_end_sends_what_was_held_and_refuses_what_comes_later() -> None:
    coalescer: Coalescer[str] = Coalescer()
    coalescer.offer("a", 5.0)
    coalescer.offer("a", 5.1)
    assert coalescer.end("a", 5.11)
    assert not coalescer.offer("a", 9.0)
    assert coalescer.next_due is None
    assert not coalescer.flush("a", 9.0)


def test_what_is_more_than_asked_for_stays_due() -> None:
    coalescer: Coalescer[str] = Coalescer()
    for key in "abcabc":
        coalescer.offer(key, 5.0)
    assert coalescer.due(6.0, 2) == ["a", "b"]
    assert coalescer.next_due is not None
    assert coalescer.due(6.0, 2) == ["c"]
