"""Arguments of a study that are none: the same line from Python, the command line and a file, before anything is read or written."""

import inspect
import typing
from dataclasses import fields

import pytest
import yaml

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.arguments import HINTS, Measure
from paddle_gan_aug.study.planning import Request
from paddle_gan_aug.study.study import run_study
from paddle_gan_aug.study.summary import WORDS

WRONG = [  # argument, value, message
    ("seeds", -1, "seeds: expected a whole number >= 1, got -1"),
    ("seeds", 2.5, "seeds: expected a whole number, got 2.5"),
    ("seeds", "8", "seeds: expected a whole number, got '8'"),
    ("seeds", 100_000_000, "seeds: expected a whole number <= 1000, got 100000000"),
    ("other_seeds", 0, "other_seeds: expected a whole number >= 1, got 0"),
    ("choices", -1, "choices: expected a whole number >= 0, got -1"),
    ("labels", [0], "labels: item 1: expected a whole number >= 1, got 0"),
    ("labels", [-2], "labels: item 1: expected a whole number >= 1, got -2"),
    ("labels", [2.5], "labels: item 1: expected a whole number, got 2.5"),
    ("labels", 5, "labels: expected a list, got 5"),
    ("labels", [5, 5], "labels: 5 is there twice: give each once"),
    ("cut", {"a": 0}, "cut: the value of 'a': expected a whole number >= 1, got 0"),
    ("cut", ["a", 3], "cut: expected a mapping {name: value}, got ['a', 3]"),
    ("arms", "real", "arms: expected a list, got 'real'"),
    ("new_classes", "a", "new_classes: expected a list, got 'a'"),
    ("new_images", [5, 5], "new_images: 5 is there twice: give each once"),
    ("shares", 0.1, "shares: expected a list, got 0.1"),
    ("steps", 0, "steps: expected a whole number >= 1, got 0"),
    ("jobs", 0, "jobs: expected a whole number >= 1, got 0"),
    ("threads", -1, "threads: expected a whole number >= 0, got -1"),
    ("architecture", "zz", "architecture: expected one of lenet, lenet-pooled, resnet, got 'zz'"),
    ("policy", "digit", "policy: expected one of auto, digits, objects, mirrored, got 'digit'; did you mean digits?"),
    ("margin", float("nan"), "margin: expected a number >= 0.0, got nan"),
    ("margin", -1, "margin: expected a number >= 0.0, got -1"),
    ("overrides", ["a"], "overrides: expected a mapping {name: value}, got ['a']"),
    ("to", "", "to: '' is no path: give one, such as . for the current folder, or leave it out"),
    ("dry_run", "yes", "dry_run: expected True or False, got 'yes'"),
]


@pytest.mark.parametrize("name, value, message", WRONG)
def test_python_says_which_argument_is_wrong(tmp_path, name, value, message):
    with pytest.raises(InputError) as caught:
        run_study(str(tmp_path / "data.npz"), **{"to": tmp_path / "study", name: value})
    assert str(caught.value) == message and list(tmp_path.iterdir()) == []


def test_the_hints_are_of_arguments_and_the_measures_those_of_the_summary():
    assert set(HINTS) <= set(typing.get_type_hints(run_study)) and typing.get_args(Measure) == tuple(WORDS)


def test_a_request_holds_arguments_with_their_defaults():
    known = inspect.signature(run_study).parameters
    assert {field.name: field.default for field in fields(Request)} == {field.name: known[field.name].default for field in fields(Request)}


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--seeds", "100000000"], "--seeds: expected a whole number <= 1000, got 100000000"),
        (["--policy", "zz"], "--policy: expected one of auto, digits, objects, mirrored, got 'zz'"),
        (["--labels", "5", "5"], "--labels: 5 is there twice: give each once"),
        (["--choices", "-1"], "--choices: expected a whole number >= 0, got -1"),
        (["--patience", "-1"], "--patience: expected a whole number >= 0, got -1"),
        (["--margin", "200"], "--margin: expected points from 0 to 100, got 200"),
        (["--margin", "nan"], "--margin: expected a number >= 0.0, got nan"),
        (["--shares", "1.5"], "--shares: item 1: expected a number < 1.0, got 1.5"),
        (["--to", ""], "--to: '' is no path: give one, such as . for the current folder, or leave it out"),
    ],
)
def test_the_command_line_says_which_flag_is_wrong(here, npz, flags, said):
    assert here("study", "--data", npz(), "--dry-run", *flags, code=2).stderr == f"paddle_gan_aug study: {said}\n"


def test_a_class_of_one_image_has_no_cure_that_a_study_lacks(here, npz):
    told = here("study", "--data", npz(train=(12, 1, 12)), "--dry-run", code=2).stderr
    assert told.endswith("has one image: none is left to validate with; add some or remove the class\n")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"arms": "real"}, "--arms: expected a list, got 'real'"),
        ({"seeds": "x"}, "--seeds: expected a whole number, got 'x'"),
        ({"cut": ["a", 3]}, "--cut: expected a mapping {name: value}, got ['a', 3]"),
        ({"cut": {"dot": 0}}, "--cut dot=0: expected CLASS=N, for example --cut coat=20"),
        ({"data": 3}, "--data (data.source): expected text, got 3"),
        ({"image_size": "x"}, "--image-size (data.image_size): expected a whole number, got 'x'"),
        ({"margin": float("nan")}, "--margin: expected a number >= 0.0, got nan"),
        ({"margin": "x"}, "--margin: expected a number, got 'x'"),
        ({"override": 5}, "overrides: expected a mapping {name: value}, got 5"),
        ({"gan_override": [5]}, "gan_overrides: expected a mapping {name: value}, got [5]"),
        ({"choices": "x"}, "--choices: expected a whole number, got 'x'"),
        ({"no_classifier": "x"}, "keep: expected True or False, got 'x'"),
        ({"policy": "digit"}, "--policy: expected one of auto, digits, objects, mirrored, got 'digit'; did you mean digits?"),
    ],
)
def test_a_file_says_which_setting_is_wrong(here, npz, tmp_path, settings, said):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"data": str(npz()), "to": str(tmp_path / "study"), "dry_run": True, **settings}))
    assert here("study", "-c", path, code=2).stderr == f"paddle_gan_aug study: {said}\n"
    assert not (tmp_path / "study").exists()


def test_numbers_of_numpy_and_names_that_are_numbers_are_taken(npz, tmp_path):
    import numpy as np

    found = run_study(str(npz()), to=tmp_path / "s", dry_run=True, quiet=True, seeds=np.int64(3), labels=[np.int32(3), 6], shares=(0.5,))
    assert found.plan.seeds == 3 and [one.per_class for one in found.plan.scenarios] == [3, 6]
