import io
import os
import subprocess
import sys
import threading
from typing import TextIO

import anyio
import pytest
from anyio.lowlevel import checkpoint

from crew.console import Output
from crew.errors import StoreError


async def test_text_goes_out_at_once() -> None:
    stream = io.StringIO()
    await Output(stream).write("a\n")
    assert stream.getvalue() == "a\n"


@pytest.mark.parametrize("size", [1_000_000, 500])
async def test_a_reader_that_takes_its_time_does_not_hold_up_the_loop(size: int) -> None:
    read_end, write_end = os.pipe()
    received = bytearray()
    loop_went_on = threading.Event()

    def read_late() -> None:
        # Were the loop held up by the full pipe, this event would never come.
        if loop_went_on.wait(10):
            while chunk := os.read(read_end, 1 << 16):
                received.extend(chunk)
        os.close(read_end)

    async def write_all(stream: TextIO) -> None:
        out = Output(stream)
        for _ in range(1_000_000 // size):
            await out.write("x" * size)

    reader = threading.Thread(target=read_late)
    reader.start()
    with os.fdopen(write_end, "w") as stream:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write_all, stream)
            for _ in range(5):
                await checkpoint()
            loop_went_on.set()
    reader.join()
    assert len(received) == 1_000_000


async def test_a_reader_that_has_gone_closes_the_output() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as stream:
        out = Output(stream)
        await out.write("a\n")
        assert out.closed
        await out.write("b\n")


async def test_a_stream_closed_in_this_process_closes_the_output() -> None:
    stream = io.StringIO()
    out = Output(stream)
    stream.close()
    await out.write("a\n")
    assert out.closed


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
async def test_a_full_disk_is_told_with_its_reason() -> None:
    with open("/dev/full", "w") as stream:  # noqa: ASYNC230 - a device that never waits
        out = Output(stream, name="standard output")
        with pytest.raises(StoreError, match="writing to standard output: No space left"):
            await out.write("a\n")
        assert out.closed


def test_a_process_whose_reader_has_gone_ends_with_its_own_code_and_says_nothing() -> None:
    program = (
        "import sys\n"
        "from crew.console import Output\n"
        "out = Output(sys.stdout)\n"
        "sys.stdin.read()\n"
        "out.put('x' * 200_000)\n"
        "sys.exit(0 if out.closed else 9)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout
    assert child.stderr
    assert child.stdin
    child.stdout.close()
    child.stdin.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 0
