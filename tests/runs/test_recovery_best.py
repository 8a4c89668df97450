"""The best checkpoint of a run that goes back after a collapse."""

import json

import pytest
from collapsing import RUNG_OF, TINY, Killed, collapsing_run, kill_once, recorded, used, wrapped  # noqa: F401 - a fixture

import paddle_gan_aug
from paddle_gan_aug.files import write_json
from paddle_gan_aug.training import checkpoint
from paddle_gan_aug.training.checkpoint import best_step, steps_on_disk
from paddle_gan_aug.training.recovery import Recovery


@pytest.fixture
def marked(monkeypatch):
    """A function that makes given steps the best so far, with their value."""
    from paddle_gan_aug.training.loop import Callback

    class Marks(Callback):
        def __init__(self, values):
            self.values, self.best = values, None

        def state(self):
            return {"best": self.best}

        def load_state(self, state):
            self.best = state["best"]

        def on_step(self, progress):
            value = self.values(progress.algorithm.config, progress.step)
            if value is not None and (self.best is None or value < self.best):
                self.best = value
                progress.best = {"metric": "mine", "value": value}

    return Marks


def test_what_was_the_best_since_is_forgotten_when_a_run_goes_back(run, marked, monkeypatch):
    """Step 7 is the best of what was healthy, step 9 of the stretch that is given up; the same step 9 later is not so good."""
    values = {3: 5.0, 7: 3.0, 9: 1.0}

    def value(config, step):
        return 4.0 if step == 9 and config.train.real_target != 1.0 else values.get(step)

    original = paddle_gan_aug.train
    monkeypatch.setattr(paddle_gan_aug, "train", lambda **options: original(callbacks=[marked(value)], **options))
    run(RUNG_OF["smaller-d-step"], **{"checkpoint.keep": 2})
    checkpoints = run.folder / "checkpoints"
    assert used(run.folder)["used"][0]["from_step"] == 8
    assert json.loads((checkpoints / "best.json").read_text()) == {"step": 7, "metric": "mine", "value": 3.0}
    assert best_step(checkpoints) == 7 and steps_on_disk(checkpoints) == [7, 16, 20]
    opened = paddle_gan_aug.open_run(run.folder, checkpoint="best")
    assert (opened.step, opened.config.train.real_target) == (7, 1.0)
    assert paddle_gan_aug.open_run(run.folder).config.train.real_target == 0.9


def test_killed_before_the_best_is_noted_it_is_known_all_the_same(run, marked, monkeypatch):
    original, kill = paddle_gan_aug.train, kill_once([])
    monkeypatch.setattr(
        paddle_gan_aug, "train", lambda **options: original(callbacks=[marked(lambda c, step: {3: 5.0, 7: 3.0}.get(step))], **options)
    )
    monkeypatch.setattr(
        checkpoint, "note_best", wrapped(checkpoint.note_best, before=lambda folder, best: best and best["step"] == 7 and kill())
    )
    with pytest.raises(Killed):
        run(lambda config, step: False)
    checkpoints = run.folder / "checkpoints"
    assert json.loads((checkpoints / "best.json").read_text())["step"] == 3
    assert best_step(checkpoints) == 7
    run(lambda config, step: False)
    assert json.loads((checkpoints / "best.json").read_text()) == {"step": 7, "metric": "mine", "value": 3.0}


def test_a_best_json_alone_is_still_read(tmp_path):
    """As runs wrote it whose checkpoints did not name the best themselves."""
    for step in (4, 8):
        (tmp_path / f"step-{step}").mkdir()
        write_json(tmp_path / f"step-{step}" / "state.json", {"step": step})
    assert best_step(tmp_path) is None
    write_json(tmp_path / "best.json", {"step": 4, "metric": "kid", "value": 1.0})
    assert best_step(tmp_path) == 4


def test_checkpoints_that_name_no_rungs_count_by_their_step(tmp_path):
    write_json(
        tmp_path / "recovery.json",
        {"used": [{"rung": "smaller-d-step", "from_step": 4}, {"rung": "spectral-norm", "from_step": 8}], "failed": None},
    )
    found = Recovery(tmp_path)
    assert [found.count_of({"step": step}) for step in (4, 5, 8, 9)] == [0, 1, 1, 2]
    assert [found.adopts({"step": step}) for step in (8, 9)] == [True, False]
