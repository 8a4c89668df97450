"""Shares of draws and batches: together those of one process."""

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
