"""Shares of draws and batches: together those of one process."""

import json
import socket
import struct
import threading

import numpy as np
import pytest

from paddle_gan_aug import processes
from paddle_gan_aug.data import Batch

DRAWS = {
    "normal": lambda rng, n: rng.standard_normal((n, 3), dtype=np.float32),
    "random": lambda rng, n: rng.random(n),
    "uniform": lambda rng, n: rng.uniform(-1, 1, (n, 2)),
    "beta": lambda rng, n: rng.beta(2.0, 3.0, n),
    "integers": lambda rng, n: rng.integers(0, 10, size=n),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_processes_draw_together_what_one_draws(draw):
    whole = [draw(rng, 6) for rng in [np.random.default_rng(0)] for _ in range(2)]  # the second draw goes on where the first ended
    for rank in range(3):
        rng = processes.SharedDraws(np.random.default_rng(0).bit_generator, rank, 3)
        for expected in whole:
            np.testing.assert_array_equal(draw(rng, 2), expected[rank::3])


def test_single_draws_and_orders_differ_by_process():
    rngs = [processes.SharedDraws(np.random.default_rng(0).bit_generator, rank, 2) for rank in range(2)]
    assert len({float(rng.random()) for rng in rngs}) == 2
    assert rngs[0].uniform(np.zeros(3), np.ones(3)).shape == (3,)
    assert [sorted(rng.permutation(20)) for rng in rngs] == [list(range(20))] * 2


def test_a_process_takes_every_nth_row_of_a_batch(monkeypatch):
    batch = Batch(np.arange(6.0).reshape(6, 1, 1, 1), np.arange(6))
    assert processes.share_of_batch(batch) is batch
    monkeypatch.setattr(processes, "_team", processes._Team(1, 2, []))
    mine = processes.share_of_batch(batch)
    assert mine.labels.tolist() == [1, 3, 5] and mine.images[:, 0, 0, 0].tolist() == [1, 3, 5] and mine.weights is None
    with processes.alone():
        assert (processes.count(), processes.rank(), processes.of_first(3)) == (1, 0, 3)
    assert processes.count() == 2


def test_alone_nothing_is_changed():
    rng, rows = np.random.default_rng(0), np.ones(3)
    assert processes.share_of_draws(rng) is rng and processes.together(rows) is rows and processes.of_all(4) == [4]


def test_strangers_who_call_process_0_are_turned_away(monkeypatch):
    """They may say nothing, something else than JSON, or endlessly much; the other process still reaches it."""
    written, there = {}, threading.Event()

    class Store:
        def set(self, key, value):
            written[key] = value
            there.set()

        def get(self, key):
            return written[key]

    monkeypatch.setattr(processes, "_store", lambda paddle: Store())
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    found = []
    listening = threading.Thread(target=lambda: found.extend(processes._listen(None, 2)))
    listening.start()
    assert there.wait(60)
    host, port, token = json.loads(written[processes.KEY])
    greeting = json.dumps({"rank": 1, "token": "\u00e9" * 32}).encode()
    said = [b"", b"GET / HTTP/1.1\r\n\r\n", struct.pack("<Q", 3) + b"{{{", struct.pack("<Q", 2) + b"\xff\xff", struct.pack("<Q", 1) + b"3"]
    strangers = [socket.create_connection((host, port)) for _ in range(len(said) + 1)]
    for stranger, content in zip(strangers, [*said, struct.pack("<Q", len(greeting)) + greeting]):
        stranger.sendall(content)
    mine = processes._call(None, 1)
    listening.join(60)
    (line,) = found
    processes._write(line, "welcome")
    assert processes._read(mine) == "welcome" and line.gettimeout() is None
    for one in (line, mine, *strangers):
        one.close()
