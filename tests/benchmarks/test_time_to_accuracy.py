"""The time to an accuracy: training ends at the goal, rows are kept, and PyTorch's network learns the same."""

import json

import numpy as np
import pytest
import yaml

from benchmarks import time_to_accuracy
from benchmarks.tables import accuracy_table
from paddle_gan_aug import runtime
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, load
from paddle_gan_aug.errors import InputError

ROW = {"data": "mnist", "network": "lenet-pooled", "framework": "paddle", "steps": 4, "every": 2, "seeds": [0]}


def test_training_ends_at_the_goal_and_rows_are_kept(here, tmp_path):
    rows = [{**ROW, "name": "easy", "goal": 0.01}, {**ROW, "name": "hard", "goal": 1.0}]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    command = ["time-to-accuracy", "--recipes", tmp_path / "rows.yaml", "--to", tmp_path / "found"]
    easy, hard = json.loads(here("benchmarks", "--json", *command).stdout)
    assert (easy["step"], len(easy["marks"])) == (2, 1) and easy["cpu_seconds"] == easy["marks"][0]["cpu_seconds"] > 0
    assert (hard["step"], hard["cpu_seconds"]) == (None, None) and [mark["step"] for mark in hard["marks"]] == [2, 4]
    assert json.loads(here("benchmarks", "--json", *command).stdout) == [easy, hard]


def test_the_table_by_hand():
    def row(name, framework, seconds, step):
        return {**ROW, "name": name, "framework": framework, "network": "lenet", "goal": 0.99, "cpu_seconds": seconds, "step": step}

    rows = [row("ours", "paddle", 10.0, 60), row("ours", "paddle", 20.0, 120), row("theirs", "pytorch", 30.0, 120)]
    assert accuracy_table(rows).splitlines()[2:] == [
        "| mnist | 99.0% | `lenet` | 10.0, 20.0 | 15.0 | 60, 120 | 0.50 | 0.50 |",
        "| mnist | 99.0% | PyTorch, `lenet` | 30.0 | 30.0 | 120 | 1.00 | 1.00 |",
    ]
    far = {**row("ours", "paddle", None, None), "marks": [{"step": 4, "cpu_seconds": 3.0, "accuracy": 0.985}]}
    missed = accuracy_table([far, rows[2]]).splitlines()[2]
    assert missed == "| mnist | 99.0% | `lenet` | – | – | 98.50% after 4 | – | – |"


def test_only_times_of_the_same_settings_and_place_are_averaged_and_compared():
    def row(name, framework, seconds, threads=1, steps=4, machine="x86_64"):
        given = {"name": name, "framework": framework, "network": "lenet", "goal": 0.99, "cpu_seconds": seconds, "step": 60, "steps": steps}
        return {**ROW, **given, "machine": machine, "process": {"device": "cpu", "threads": threads, "paddle": "3.3.1"}, "version": "1"}

    rows = [
        row("ours", "paddle", 10.0),
        row("ours", "paddle", 20.0, threads=2),
        row("ours", "paddle", 12.0),
        row("ours", "paddle", 40.0, steps=8),
        row("ours", "paddle", 80.0, machine="arm64"),
        row("theirs", "pytorch", 22.0),
        row("theirs on two", "pytorch", 40.0, threads=2),
    ]
    assert [line.split(" | ")[2:5] + line.split(" | ")[6:] for line in accuracy_table(rows).splitlines()[2:]] == [
        ["`lenet` (4 steps, 1 thread, x86_64, Paddle 3.3.1, version 1)", "10.0, 12.0", "11.0", "0.50", "0.50 |"],
        ["`lenet` (4 steps, 2 threads, x86_64, Paddle 3.3.1, version 1)", "20.0", "20.0", "0.50", "0.50 |"],
        ["`lenet` (8 steps, 1 thread, x86_64, Paddle 3.3.1, version 1)", "40.0", "40.0", "1.82", "1.82 |"],
        ["`lenet` (4 steps, 1 thread, arm64, Paddle 3.3.1, version 1)", "80.0", "80.0", "–", "– |"],
        ["PyTorch, `lenet`", "22.0", "22.0", "1.00", "1.00 |"],
        ["PyTorch, `lenet`", "40.0", "40.0", "1.00", "1.00 |"],
    ]
    twice = [rows[0], rows[5], row("theirs of 8", "pytorch", 30.0, steps=8), row("theirs of 9", "pytorch", 31.0, steps=9)]
    assert accuracy_table(twice).splitlines()[2].endswith("| 0.45 | 0.45 |")
    assert accuracy_table([rows[0], *twice[2:]]).splitlines()[2].endswith("| – | – |")  # two of other lengths: which is meant?


def test_other_rows_are_refused(tmp_path):
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump([{**ROW, "name": "x", "goal": 0.5, "framework": "jax"}]))
    with pytest.raises(InputError, match="expected a list of rows with the keys"):
        time_to_accuracy.read_rows(tmp_path / "rows.yaml")


@pytest.mark.parametrize("network", ["lenet", "lenet-pooled", "resnet"])
def test_both_frameworks_learn_the_same(process, network):
    pytest.importorskip("torch")
    images = load("mnist", per_class=20)
    config = load_config(
        "classifier", {"classifier.architecture": network, "classifier.dropout": 0.0, "train.batch_size": 20, "train.steps": 10}
    )
    ours, theirs = time_to_accuracy.PaddleLearner(config, images), time_to_accuracy.PyTorchLearner(config, images)
    batches = Batches(images, 20, lambda epoch: runtime.rng(0, "shuffle", epoch))
    for step in (1, 2, 3):
        for learner in (ours, theirs):
            learner.learn(step, batches.batch(step - 1))
    weights = ours.algorithm.weights()
    last = theirs.network.fc if network == "resnet" else theirs.network.fc2
    name = "classifier/fc.weight" if network == "resnet" else "classifier/fc2.weight"
    np.testing.assert_allclose(last.weight.detach().numpy().T, weights[name], atol=2e-3)
