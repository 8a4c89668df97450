"""Messages of the library name settings; the command line shows the flags of the command in their place."""

import argparse

import pytest

from paddle_gan_aug.cli.main import COMMANDS, _parser
from paddle_gan_aug.cli.messages import ANY_KEY, with_flags
from paddle_gan_aug.errors import InputError, RunFailed

FLAGS = {
    "data.image_size": "--image-size",
    "data.split": "--split",
    "data.window": ANY_KEY,
    "train.steps": "--steps",
    "count": "--count",
    "per_class": "--per-class",
    "resume": "--resume",
    "form": "--format",
    "run": "RUN",
}


@pytest.mark.parametrize(
    "message, shown",
    [
        # keys of the configuration
        ("classic: train.steps: expected int >= 1, got 0", "classic: --steps (train.steps): expected int >= 1, got 0"),
        ("neither data.split nor train.steps is set", "neither --split (data.split) nor --steps (train.steps) is set"),
        ("resize the images (data.image_size)", "resize the images (--image-size, data.image_size)"),
        ("give --steps (train.steps)", "give --steps (train.steps)"),
        ("train on all images: data.split=full", "train on all images: --split full"),
        ("say what is black: data.window=[0, 4095]", "say what is black: -o data.window=[0,4095]"),
        ("data.window is too narrow", "data.window is too narrow"),
        ("for example -o train.steps=100", "for example -o train.steps=100"),
        ("unknown key train.step; did you mean train.steps?", "unknown key train.step; did you mean train.steps?"),
        ("train.steps_more, mytrain.steps, a/train.steps", "train.steps_more, mytrain.steps, a/train.steps"),
        # parameters
        ("count 0: ask for at least one image", "--count 0: ask for at least one image"),
        ("count: say how many", "--count: say how many"),
        ("form 'gif': choose one of npz, idx", "--format 'gif': choose one of npz, idx"),
        ("the count of images and the form of files", "the count of images and the form of files"),
        ("count of images: 3", "count of images: 3"),
        ("run output/a makes no images", "run output/a makes no images"),
        ("give `count` or per_class, one of them", "give --count or --per-class, one of them"),
        ("go on with resume=True", "go on with --resume"),
        ("say how many with per_class=N, or `count=N`", "say how many with --per-class N, or --count N"),
        ("use form=\"npz\"; or form='idx'", "use --format npz; or --format idx"),
        ("cannot use my_per_class and /data/per_class", "cannot use my_per_class and /data/per_class"),
    ],
)
def test_names_become_flags(message, shown):
    assert with_flags(message, FLAGS) == shown
    assert with_flags(shown, FLAGS) == shown


def test_without_flags_a_message_stays():
    assert with_flags("train.steps 3: too few", {}) == "train.steps 3: too few"


def parse(*arguments):
    args = _parser().parse_args(list(arguments))
    return args.parser.flags(args)


def test_every_command_knows_its_flags():
    train = parse("train")
    assert train["data.image_size"] == "--image-size" and train["generator.width"] == ANY_KEY
    assert train["data.class_name"] == "--digit" and parse("train", "--class", "cat")["data.class_name"] == "--class"
    generate = parse("generate", "r", "--to", "x")
    assert (generate["form"], generate["per_class"], generate["run"]) == ("--format", "--per-class", "RUN")
    assert "generator.width" not in generate  # there is no -o
    evaluate = parse("evaluate", "r")
    assert (evaluate["data.image_size"], evaluate["classifier_accuracy_score"]) == ("--image-size", "--cas")


ARGUMENTS = {
    "generate": ["r", "--to", "x"],
    "augment": ["--to", "x"],
    "predict": ["r", "i"],
    "evaluate": ["r"],
    "export": ["r", "--to", "x"],
}


@pytest.mark.parametrize("command", [row.name for row in COMMANDS])
@pytest.mark.parametrize("error, code", [(InputError, 2), (RunFailed, 1)])
def test_every_command_shows_its_flags(here, monkeypatch, command, error, code):
    def fails(args):
        raise error("json=True and nothing_else")

    make = argparse.ArgumentParser.set_defaults
    monkeypatch.setattr(argparse.ArgumentParser, "set_defaults", lambda self, **known: make(self, **{**known, "command": fails}))
    done = here(command, *ARGUMENTS.get(command, []), code=code)
    assert done.stderr.endswith(f"{command}: --json and nothing_else\n")
