"""The progress line: one that moves on a terminal, plain lines elsewhere."""

import contextlib
import io
import os
import struct
import sys
import threading
from types import SimpleNamespace

import pytest

from paddle_gan_aug.training.callbacks import ProgressCallback


def run(line, steps=40):
    """A training of `steps` steps as the line sees it."""
    algorithm = SimpleNamespace(losses=("d_loss", "g_loss"))
    values = {"d_loss": 0.25, "g_loss": 1.5}
    progress = SimpleNamespace(algorithm=algorithm, values=values, step=0, total_steps=steps, steps_per_epoch=20, first_step=0, started=0.0)
    line.on_begin(progress)
    if line.line.bar is not None:
        line.line.bar.mininterval = 0  # every step is drawn, however fast they come
    for step in range(1, steps + 1):
        progress.step, progress.epoch, progress.last, progress.images_per_second = step, -(-step // 20), step == steps, 1234.5
        line.on_step(progress)
    line.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal is made with pty")
def test_a_terminal_has_one_line_that_moves():
    import fcntl
    import pty
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    pieces = []

    def read():
        with contextlib.suppress(OSError):  # Linux ends a terminal with an error
            while piece := os.read(controller, 4096):
                pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()  # a terminal's buffer is small
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        assert stream.isatty()
        run(ProgressCallback(stream=stream))
    reader.join()
    os.close(controller)
    shown = b"".join(pieces).decode()
    assert shown.count("\n") == 1 and shown.count("\r") > 5  # drawn over and over in its place, and left behind at the end
    last = shown.rstrip().split("\r")[-1]
    assert "epoch 2/2" in last and "40/40" in last and "images/s d 0.250 g 1.500" in last
    assert "ETA" not in shown


def test_a_file_has_plain_lines():
    stream = io.StringIO()
    run(ProgressCallback(stream=stream))
    first, last = stream.getvalue().splitlines()
    assert first.startswith("epoch 1/2 step 1/40 1234 images/s d 0.250 g 1.500 ETA ")
    assert last.startswith("epoch 2/2 step 40/40 1234 images/s d 0.250 g 1.500 ETA 0:00")
