"""Flags that several commands share: seeds, threads, and flags that set configuration keys."""

import argparse
import importlib

import pytest

import paddle_gan_aug
from paddle_gan_aug.cli.parser import CommandParser


def test_a_flag_and_a_key_with_the_same_value_agree(here, small, small_mnist):
    twice = ["--steps", 2, "-o", "train.steps=2", "--digit", 3, "-o", "data.class_name=3"]
    here("train", "--data", small_mnist, *small, *twice, "--run", "2024")
    assert (here.output / "2024" / "config.yaml").exists()


def test_of_a_key_that_is_set_again_the_last_value_counts(here, small, small_mnist):
    done = here("train", "--data", small_mnist, *small, "train.steps=2", "-o", "train.steps=3", "--run", "r", "--dry-run")
    assert "in steps 1 to 3" in done.stdout


def parsed(command, *arguments):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"paddle_gan_aug.cli.{command}").add_flags(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    "command, flag, name",
    [
        (["study"], "--arms", "arms"),
        (["study"], "--cut", "cut"),
        (["study"], "--new-classes", "new_classes"),
        (["augment", "--to", "x"], "--run", "runs"),
        (["augment", "--to", "x"], "--new-classes", "new_classes"),
        (["generate", "run", "--to", "x"], "--classes", "classes"),
        (["generate", "run", "--to", "x"], "--filter", "names"),
    ],
)
def test_a_list_may_be_given_in_parts(command, flag, name):
    assert getattr(parsed(*command, flag, "a", "b", flag, "c"), name) == ["a", "b", "c"]
    assert getattr(parsed(*command, flag, "d"), name) == ["d"]


def test_the_first_values_take_the_place_of_the_default():
    assert parsed("study", "--new-images", "3", "--new-images", "4").new_images == [3, 4]
    assert parsed("study").new_images == [5]


@pytest.mark.parametrize("token", ["-oclassifier.mixing=mixup", "--override=classifier.mixing=mixup"])
def test_an_attached_value_counts_as_given(token):
    """Flags take precedence over a study's file."""
    parser = CommandParser()
    importlib.import_module("paddle_gan_aug.cli.study").add_flags(parser)
    assert "override" in parser.parse_args([token]).given


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
