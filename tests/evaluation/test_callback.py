"""Measuring while a run trains: what chooses the best checkpoint, and what is read for it."""

import json

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation import feature_network
from paddle_gan_aug.evaluation.callback import EvaluationCallback
from paddle_gan_aug.training.loop import Callback, by_state_name


def test_few_validation_images_choose_the_best_checkpoint_by_what_they_can(tmp_path, small_mnist, monkeypatch):
    import paddle_gan_aug

    monkeypatch.setattr(feature_network, "LEAST_STEPS", 20)
    monkeypatch.setattr(feature_network, "EPOCHS", 1)
    overrides = {"data.source": str(small_mnist), "train.batch_size": 50, "eval.every_steps": 2, "train.steps": 2, "eval.count": 50}
    run = paddle_gan_aug.train("fast", run="r", overrides=overrides, output=tmp_path / "o", log=tmp_path / "log", quiet=True)
    best = json.loads((run.folder / "checkpoints" / "best.json").read_text())
    assert best["metric"] == "kid" and best["value"] is not None


@pytest.fixture
def quick_network(monkeypatch):
    monkeypatch.setattr(feature_network, "LEAST_STEPS", 20)
    monkeypatch.setattr(feature_network, "EPOCHS", 1)


def test_the_data_is_read_once_for_all_evaluations(tmp_path, small_mnist, quick_network, reads):
    """Four evaluations: the training images are the run's own, and the validation images are read as the run begins."""
    import paddle_gan_aug

    overrides = {"data.source": str(small_mnist), "train.batch_size": 50, "eval.every_steps": 1, "train.steps": 4, "eval.count": 50}
    paddle_gan_aug.train("fast", run="r", overrides=overrides, output=tmp_path / "o", log=tmp_path / "log", quiet=True)
    assert reads.each_once()


def test_the_feature_network_is_trained_before_the_first_step(tmp_path, small_mnist, monkeypatch):
    """Ctrl-C while it trains must not end a run between two checkpoints."""
    import paddle_gan_aug
    from paddle_gan_aug.evaluation import callback

    steps = []

    class Watch(Callback):
        def on_step(self, progress):
            steps.append(progress.step)

    def stop(real):
        assert steps == []
        raise KeyboardInterrupt

    monkeypatch.setattr(callback, "reference_of", stop)
    overrides = {"data.source": str(small_mnist), "train.batch_size": 50, "eval.every_steps": 2, "train.steps": 2, "eval.count": 50}
    options = {"output": tmp_path / "o", "log": tmp_path / "log", "callbacks": [Watch()], "quiet": True}
    with pytest.raises(KeyboardInterrupt):
        paddle_gan_aug.train("fast", run="r", overrides=overrides, **options)


def test_its_state_is_found_in_older_checkpoints():
    assert list(by_state_name([EvaluationCallback(None, None, None, None)])) == ["Evaluation"]


def test_only_some_metrics_choose_the_best_checkpoint(tmp_path):
    import paddle_gan_aug

    overrides = {"eval.best": "memorisation", "train.steps": 1}
    with pytest.raises(InputError, match="eval.best: expected one of frechet, kid, precision.*got 'memorisation'"):
        paddle_gan_aug.train("fast", run="r", overrides=overrides, output=tmp_path, log=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
