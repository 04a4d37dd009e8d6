"""How much a finding weighs by what stands around it: what is meant or harmless is a remark."""

from textwrap import dedent

import anyio
import pytest

from crew.records import JsonObject
from tests.doubles.snippets import checked

CASES: list[tuple[str, str | None, str]] = [
    ("B006", "P2", "def add(item, items=[]):\n    items.append(item)\n"),
    ("B006", "P2", "def load(sizes: dict[str, int] = {}):\n    sizes['a'] = 1\n"),
    ("B006", "P3", "def load(_cache: dict[str, int] = {}):\n    _cache['a'] = 1\n"),
    (
        "B006",
        "P2",
        "def load(\n    sizes: dict[\n        str, int\n    ] = {},\n):\n    return sizes\n",
    ),
    ("B006", "P3", "def load(names=[]):\n    return [name.upper() for name in names]\n"),
    ("B006", "P3", "def load(*, options: dict[str, int] = {}):\n    return dict(options)\n"),
    ("B006", "P3", "def load(names=[]):\n    names = list(names)\n    names.append(1)\n"),
    (
        "B006",
        "P2",
        """
        class Basket:
            def __init__(self, items=[]):
                self.items = items

            def add(self, item):
                self.items.append(item)
        """,
    ),
    (
        "B006",
        "P3",
        """
        class Basket:
            def __init__(self, items=[]):
                self.items = items

            def count(self):
                return len(self.items)
        """,
    ),
    ("F811", "P2", "def run():\n    return 1\n\n\ndef run():\n    return 2\n"),
    ("F811", "P3", "from a import b\nfrom a import b\n\nb()\n"),
    (
        "F811",
        "P3",
        """
        def wait():
            global wait
            wait = int
            return wait()
        """,
    ),
    ("F821", "P1", "def run():\n    return unknown\n"),
    (
        "F821",
        "P2",
        "from __future__ import annotations\n\n\ndef run(name: Unknown) -> int:\n    return 1\n",
    ),
    (
        "F821",
        "P1",
        "from __future__ import annotations\n\n\ndef run(name: int = unknown()) -> int: ...\n",
    ),
    ("F821", "P3", "globals()['made'] = 1\nprint(made)\n"),
    ("F822", "P3", "__all__ = ['made']\nexec('made = 1')\n"),
    ("F821", "P1", "def run(code, names):\n    exec(code, names)\n    return made\n"),
    ("F821", "P3", "text = 'made = 1'\nexec(text, globals())\nprint(made)\n"),
    ("F822", "P1", "__all__ = ['made']\n"),
    ("PLE0704", "P3", "def run():\n    raise\n"),
    ("F821", None, "shell = get_ipython()\n"),
    ("F821", None, "print(magic)  # type: ignore[name-defined]\n"),
    ("PLE0101", "P1", "class A:\n    def __init__(self):\n        return 1\n"),
    ("PLE0101", "P3", "class A:\n    def __init__(self):\n        return super().__init__()\n"),
    ("ASYNC105", "P1", "import trio\n\n\nasync def run():\n    trio.sleep(1)\n"),
    ("ASYNC105", "P3", "import trio\n\n\nasync def run():\n    return trio.sleep(1)\n"),
    ("B033", "P3", "names = {'a', 'b', 'a'}\n"),
    ("B020", "P3", "def run(value):\n    for value in value.items():\n        print(value)\n"),
    ("PLW1508", "P3", "import os\n\nlines = int(os.getenv('LINES', 24))\n"),
    ("S307", "P1", "def run(request):\n    return eval(request.args['x'])\n"),
    ("S307", "P2", "def run(code, names):\n    return eval(code, names)\n"),
    ("S307", None, "def run(code):\n    return eval(code)  # pylint: disable=eval-used\n"),
    ("S102", "P2", "def run(code, names):\n    exec(code, names)\n"),
    ("S301", "P1", "import pickle\n\n\ndef run(request):\n    return pickle.loads(request.body)\n"),
    ("S301", "P3", "import pickle\n\n\ndef run(file):\n    return pickle.load(file)\n"),
    ("S202", "P2", "import tarfile\n\n\ndef run(tar):\n    tar.extractall('there')\n"),
    ("S202", None, "import tarfile\n\n\ndef run(tar):\n    tar.extractall('.', filter='data')\n"),
    ("S605", "P1", "import os\n\n\ndef run(c):\n    os.system(f'ls {c}')\n"),
    ("S605", "P2", "import os\n\n\ndef run(command):\n    os.system(command)\n"),
    (
        "S602",
        "P1",
        """
        import subprocess


        def run(name):
            subprocess.run(
                "ls " + name,
                shell=True,
            )
        """,
    ),
    ("S605", None, "import os\n\n\ndef run(c):\n    os.system(f'ls {c}')  # nosec\n"),
    ("debugger", "P1", "def run():\n    breakpoint()\n"),
    ("debugger", None, "def run():\n    breakpoint()  # noqa: T100\n"),
    (
        "swallowed-error",
        "P2",
        "def run(send):\n    try:\n        send()\n    except Exception:\n        pass\n",
    ),
    (
        "swallowed-error",
        "P2",
        "def run(send):\n    try:\n        return send()\n    except Exception:\n        pass\n",
    ),
    (
        "swallowed-error",
        "P3",
        """
        def run(read):
            try:
                return read()
            except Exception:
                pass
            return None
        """,
    ),
    (
        "swallowed-error",
        "P3",
        """
        def run(readers):
            for read in readers:
                try:
                    return read()
                except Exception:
                    continue
        """,
    ),
    (
        "swallowed-error",
        "P3",
        """
        def run(read):
            width = 80
            try:
                width = read().columns
            except Exception:
                pass
            return width
        """,
    ),
    (
        "swallowed-error",
        "P3",
        """
        async def run(stream):
            try:
                if stream is not None:
                    await stream.aclose()
            except Exception:
                pass
        """,
    ),
    (
        "swallowed-error",
        "P3",
        """
        def run(read, send):
            try:
                value = read()
                value.check()
            except Exception:
                pass
            else:
                send(value)
        """,
    ),
]
SNIPPETS = {f"case{number:02}.py": f"\n{dedent(text)}" for number, (*_, text) in enumerate(CASES)}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[JsonObject]]:
    """What one run over all cases finds."""
    return anyio.run(checked, tmp_path_factory.mktemp("weight"), SNIPPETS, "all")


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_finding_weighs_what_its_surroundings_say(
    findings: dict[str, list[JsonObject]], number: int
) -> None:
    rule, priority, text = CASES[number]
    found = [each["priority"] for each in findings[f"case{number:02}.py"] if each["rule"] == rule]
    assert found == ([] if priority is None else [priority]), text


def test_what_is_meant_is_not_held_against_a_change_with_much_confidence(
    findings: dict[str, list[JsonObject]],
) -> None:
    every = [each for group in findings.values() for each in group]
    remarks = [each for each in every if each["priority"] == "P3" and each["rule"] == "B006"]
    assert remarks
    assert all(each["confidence"] <= 0.5 for each in remarks)
