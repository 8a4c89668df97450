"""Networks that do not fit into memory end with one line and code 2, before anything is written."""

import pytest

from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.machine import asked_for, available_mb, networks_that_fit, resident_mb
from paddle_gan_aug.runs.memory import check_networks

OF_PADDLE = "(ResourceExhausted) Fail to alloc memory of 640000000000 size, error code is 12.\n  [Hint: Expected error == 0.]"


def test_what_the_process_holds_is_within_what_it_may_hold():
    held, most = resident_mb(), available_mb()
    if held is None:
        pytest.skip("known on Linux alone")
    assert 10 < held < most


@pytest.mark.parametrize(
    "preset, settings",
    [
        ("fast", ["generator.latent_dim=100000"]),
        ("sngan-residual", ["generator.width=2"]),
        ("classifier", ["classifier.width=8"]),
    ],
)
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_networks_that_are_too_large(here, small_mnist, tmp_path, preset, settings, dry_run):
    limited = [*settings, "runtime.memory_limit=400"]
    refused = here("train", "--gan", preset, "--data", small_mnist, "--steps", 2, "--run", "r", *dry_run, "-o", *limited, code=2)
    assert "MB" in refused.stderr and "use" in refused.stderr and refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_weights_are_counted_before_they_are_made(process, monkeypatch):
    from paddle import nn

    held = resident_mb() or 0
    monkeypatch.setattr("paddle_gan_aug.machine.available_mb", lambda: held + 1)
    for limit, words in ((None, "this machine has left"), (1, "this machine has left"), (held + 2, "runtime.memory_limit allows")):
        said = rf"the networks need more than \d+ MB of memory, and {words} {held + (2 if limit == held + 2 else 1)} MB: use narrower"
        with pytest.raises(InputError, match=said), networks_that_fit(limit):
            nn.Linear(2000, 2000)
    assert tuple(nn.Linear(2000, 2000).weight.shape) == (2000, 2000)  # outside nobody counts
    with networks_that_fit(held + 1000):
        nn.Linear(2000, 2000)


def test_the_allocator_of_paddle_is_understood():
    assert asked_for(MemoryError(OF_PADDLE)) == "610351 MB more were asked for"
    assert asked_for(MemoryError("Unable to allocate 21.7 GiB")) == "Unable to allocate 21.7 GiB"
    said = r"^the networks do not fit into memory \(610351 MB more were asked for\): use narrower"
    with pytest.raises(InputError, match=said), networks_that_fit(None):
        raise MemoryError(OF_PADDLE)


def test_training_takes_copies_of_each_weight(process):
    algorithm = build(load_config("fast"), (1, 28, 28), [str(digit) for digit in range(10)])
    check_networks(algorithm, None)
    with pytest.raises(InputError, match=r"the networks need more than \d+ MB of memory, and runtime.memory_limit allows"):
        check_networks(algorithm, (resident_mb() or 0) + 1)
