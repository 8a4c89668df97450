"""Flags that several commands share: seeds, threads, and flags that set configuration keys."""

import pytest

import paddle_gan_aug


def test_a_flag_and_a_key_with_the_same_value_agree(here, small, small_mnist):
    twice = ["--steps", 2, "-o", "train.steps=2", "--digit", 3, "-o", "data.class_name=3"]
    here("train", "--data", small_mnist, *small, *twice, "--run", "2024")
    assert (here.output / "2024" / "config.yaml").exists()


def test_seeds_are_checked_everywhere(here, tmp_path):
    for arguments in (
        ["evaluate", "r"],
        ["generate", "r", "--to", tmp_path / "x"],
        ["benchmarks", "kills"],
        ["benchmarks", "wall"],
        ["benchmarks", "patches", "--to", "x"],
    ):
        for seed in ("-1", "9" * 30, "abc", "1.5"):
            done = here(*arguments, "--seed", seed, code=2)
            assert "seed" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    for seed in (-1, 2**63, 1.5, "x", None):
        with pytest.raises(paddle_gan_aug.runtime.InputError, match="seed(: expected| is) a whole number"):
            paddle_gan_aug.evaluate("r", seed=seed)
        with pytest.raises(paddle_gan_aug.runtime.InputError, match="a seed is a whole number"):
            paddle_gan_aug.runtime.rng(seed, "anything")
    assert paddle_gan_aug.runtime.rng(2**63 - 1, "anything").random() < 1


def test_threads_are_bounded(here, small_mnist, tiny):
    for arguments in (["train", "--data", small_mnist], ["generate", tiny["5"], "--to", here.folder / "x"]):
        for threads in (9999, -1):
            assert "threads" in here(*arguments, "--threads", threads, code=2).stderr
    assert not here.output.exists() and not (here.folder / "x").exists()


def test_text_keys_take_numbers_as_typed(here, small_mnist):
    done = here("classify", "--data", small_mnist, "--generated", "20240101", code=2)
    assert "20240101" in done.stderr and "expected text" not in done.stderr
    done = here("train", "--data", "2024", code=2)
    assert "2024 does not exist" in done.stderr
    done = here("augment", "--data", small_mnist, "--to", here.folder / "x", "--filter-set", "confidence", code=2)
    assert "--filter-set confidence: expected NAME.SETTING=VALUE, for example confidence.threshold=0.9" in done.stderr
