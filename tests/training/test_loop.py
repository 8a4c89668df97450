"""The order in which callbacks see a step, the names under which their states are kept, and who asks for gradients."""

import itertools

import pytest

from paddle_gan_aug.evaluation.callback import EvaluationCallback
from paddle_gan_aug.training.callbacks import Checkpoints, Grids, ProgressCallback, Recorder
from paddle_gan_aug.training.health import HealthMonitor
from paddle_gan_aug.training.loop import STAGES, Callback, by_state_name, in_order, run_steps
from paddle_gan_aug.training.validation import Validation


class Algorithm:
    """Counts its steps, and notes before which of them it was asked for gradients."""

    batches_per_step, losses = 1, ()

    def __init__(self):
        self.asked = []

    def steps_per_epoch(self, batches):
        return 10

    def begin_step(self, step, total_steps):
        self.asked.append(self.measure_gradients)

    def step(self, batches, rng):
        return {"loss": 0.0}

    def level(self, values):
        assert values == {"loss": 0.0}


class Batches:
    batch_size = 1

    def batch(self, number):
        return None


def at_stage(stage, seen):
    class Noted(Callback):
        def on_step(self, progress):
            seen.append(stage)

    noted = Noted()
    noted.stage = stage
    return noted


@pytest.mark.parametrize("order", list(itertools.permutations(STAGES))[::17])
def test_the_stages_are_the_order(order, process):
    """Measures, then the caller, then what records, then what saves: in whatever order they are given."""
    seen = []
    run_steps(Algorithm(), Batches(), 1, 0, [at_stage(stage, seen) for stage in order])
    assert seen == list(STAGES)


def test_callbacks_of_one_stage_keep_their_order():
    first, second = Callback(), Callback()
    assert in_order([first, second]) == [first, second] and in_order([second, first]) == [second, first]


def test_each_of_ours_has_its_stage():
    stages = {ProgressCallback: "show", HealthMonitor: "measure", EvaluationCallback: "measure", Validation: "measure"}
    stages.update({Recorder: "record", Grids: "record", Checkpoints: "save", Callback: "caller"})
    assert {kind: kind.stage for kind in stages} == stages


def test_states_are_kept_under_names_that_outlive_their_classes():
    for kind, name in ((HealthMonitor, "HealthMonitor"), (EvaluationCallback, "Evaluation"), (Validation, "Validation")):
        renamed = type("Renamed", (kind,), {"__init__": lambda self: None})
        assert list(by_state_name([renamed()])) == [name], "as checkpoints have it"
    assert list(by_state_name([Callback(), Callback(), Validation.__new__(Validation)])) == ["Callback", "Callback-2", "Validation"]


@pytest.mark.parametrize("first", [0, 3])
def test_gradients_are_measured_where_a_callback_asks(first, process):
    """A function of the step alone: also at the first step after a resume."""

    class Asks(Callback):
        def measures_gradients(self, step):
            return step % 4 == 0

    algorithm = Algorithm()
    run_steps(algorithm, Batches(), 8, 0, [Callback(), Asks(), Callback()], first)
    assert algorithm.asked == [step % 4 == 0 for step in range(first + 1, 9)]
