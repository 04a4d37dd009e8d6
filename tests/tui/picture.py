"""The README's picture: the observer on the golden run, at 110x30, as an SVG.

python -m tests.tui.picture > tests/golden/observer.svg
"""

import re
import sys

import anyio

from tests.doubles.observers import Remembering, observer, settle, until

SIZE = (110, 30)
_WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
MOMENT = 20
"""The event of the golden run at which the picture is taken."""


async def picture() -> str:
    """Draw the run screen."""
    app = observer(until(MOMENT), control=Remembering())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        drawn = app.export_screenshot(title="crew run review")
    return _WEB_FONTS.sub("", drawn)


if __name__ == "__main__":
    sys.stdout.write(anyio.run(picture))
