"""What every display of a running run can do."""

from typing import Protocol

from crew.feed import Feed


class Display(Protocol):
    """Shows one run while it goes on."""

    async def follow(self, feed: Feed) -> None:
        """Show the run until it ends, or until nobody reads what is shown."""
        ...

    def say(self, note: str) -> None:
        """Tell the person at the terminal something that is no part of the run."""
        ...
