"""Messages of the library name settings; the command line shows the flags of the command in their place."""

import argparse
import ast
import re
from pathlib import Path

import pytest
from digit_folders import QUICK
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug.cli.main import COMMANDS, _parser
from paddle_gan_aug.cli.messages import ANY_KEY, with_flags
from paddle_gan_aug.data import load
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
        (
            "classic: train.steps: expected a whole number >= 1, got 0",
            "classic: --steps (train.steps): expected a whole number >= 1, got 0",
        ),
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
        ("count is 0: ask for at least one image", "--count is 0: ask for at least one image"),
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


# ---- what the messages name --------------------------------------------------------------------------------------------

PACKAGE = Path(paddle_gan_aug.__file__).parent
RAISED = ("InputError", "RunFailed", "NoSuchPart")
PARAMETER = re.compile(r"(?<![\w.\-/\0])([a-z]+(?:_[a-z]+)+)(?![\w.\0/(\-])|`(\w+)`|(?<![\w.])([a-z]+)=(?!\0)[\w\"']")
NO_PARAMETERS = {  # of a command: columns of files, values, programs, and what Python alone has, where its messages name it
    *("dtype", "class_names", "image_shape"),
    *("cut_recall", "coat"),
    *("quotas", "vary", "train_feature_network"),
}


def messages():
    """The texts of all errors in the package; what is filled in is \\0."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") in RAISED:
                for part in (part for argument in node.exc.args for part in ast.walk(argument)):
                    if isinstance(part, ast.JoinedStr):
                        yield "".join(value.value if isinstance(value, ast.Constant) else "\0" for value in part.values)
                    elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def test_the_parameters_that_messages_name_are_flags_of_a_command():
    (commands,) = (action.choices for action in _parser()._actions if hasattr(action.choices, "keys"))
    known = {name for parser in commands.values() for name in parser.flags(argparse.Namespace())}
    found = {"".join(names) for text in messages() for names in PARAMETER.findall(text)}
    assert {"per_class", "resume", "balance", "new_classes"} <= found
    assert found - known == NO_PARAMETERS


@pytest.fixture
def level(tmp_path, small_mnist):
    """A folder with six real digits of each of two classes."""
    images = load(str(small_mnist), "train")
    for digit in (3, 4):
        (tmp_path / "level" / str(digit)).mkdir(parents=True)
        for i, image in enumerate(images.of_class(digit).images[:6]):
            Image.fromarray(image[0]).save(tmp_path / "level" / str(digit) / f"{i}.png")
    return tmp_path / "level"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["generate", "RUN", "--to", "A.NPZ"], "--to is A.NPZ: give a folder; the images go into it beside their manifest"),
        (["generate", "RUN", "--to", "a.npz"], "--to is a.npz: give a folder; the images go into it beside their manifest"),
        (
            ["generate", "RUN", "--to", "NEW", "--format", "npz"],
            "--format npz: it is for sets with classes: say with --per-class N how many images of each to make",
        ),
        (["generate", "RUN", "--to", "NEW", "--format", "gif"], "--format gif: there is none of this name; choose one of folder, npz"),
        (["generate", "RUN", "--to", "NEW", "--truncation", "0"], "--truncation is 0.0: give a number above 0"),
        (
            ["generate", "RUN", "--to", "NEW", "--balance", "DATA"],
            "no class lacks an image: there is nothing to generate; --ratio 1 makes as many again, --per-class N so many of each",
        ),
        (
            ["augment", "--data", "DATA", "--to", "NEW", "--run", "RUN", "--gan", "cgan"],
            "--run: these are trained GANs: leave --config and --per-class-runs out",
        ),
        (
            ["augment", "--data", "DATA", "--to", "NEW", "--per-class", "9", "--ratio", "1"],
            "--per-class and --ratio both say how many images to make: give one of them",
        ),
        (["augment", "--data", "DATA", "--to", "FULL"], "not of augment: nothing is overwritten; choose an empty or new folder"),
        (["export", "RUN", "--to", "FULL"], "is not empty: nothing is overwritten; choose an empty or new folder"),
        (["train", "--per-class-runs", "--resume"], "without a name: set --run to the name of their folder"),
        (
            ["study", "--data", "DATA", "--cut", "3=5", "--new-classes", "4", "--dry-run"],
            "--cut and --new-classes both say how many images some classes keep: give one of them",
        ),
    ],
)
def test_messages_name_what_was_typed(here, tmp_path, tiny, level, arguments, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    places = {"RUN": tiny["conditional"], "DATA": level, "NEW": tmp_path / "new", "FULL": tmp_path / "full"}
    done = here(*(places.get(word, word) for word in arguments), code=2)
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_what_is_told_on_the_way_names_flags_too(here, tmp_path, level):
    done = here("augment", "--data", level, "--to", tmp_path / "new", "--dry-run", *QUICK)
    assert "--per-class (real and generated together) or --ratio (generated for each real one) change that" in done.stdout
    assert "per_class" not in done.stdout + done.stderr
