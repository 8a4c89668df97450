"""Sorting in rounds: the score and the split by hand, a planted bad sorting that is mended, and a run that goes on bit for bit."""

import numpy as np
import pytest

from paddle_gan_aug.algorithms import build
from paddle_gan_aug.algorithms.sorting import Sortings, best_score, lopsided, sorting_score, split
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, DataSpec, load

pytestmark = pytest.mark.usefixtures("process")


def test_the_score_is_best_where_images_are_sorted_surely_evenly_and_steadily():
    import paddle

    def score(logits, moved):
        return sorting_score(paddle.to_tensor(np.float32(logits)), paddle.to_tensor(np.float32(moved)))

    sure = 30 * np.eye(4)
    assert score(sure, sure) == pytest.approx(best_score(4), abs=1e-4) == pytest.approx(2 * np.log(4), abs=1e-4)
    merged = sure[[0, 0, 1, 2]]  # two kinds share a category, one category is empty
    assert score(merged, merged) == pytest.approx(2 * (1.5 * np.log(2)), abs=1e-4)
    assert score(0 * sure, 0 * sure) == pytest.approx(0, abs=1e-4)
    assert score(sure, sure[[1, 0, 2, 3]]) < score(merged, merged)


def test_a_category_below_its_due_is_lopsided():
    assert not lopsided(np.array([0.25, 0.25, 0.25, 0.25])) and not lopsided(np.array([0.4, 0.2, 0.2, 0.2]))
    assert lopsided(np.array([0.5, 0.25, 0.25, 0.0])) and lopsided(np.array([0.34, 0.25, 0.25, 0.16]))


def test_a_split_parts_a_category_along_its_first_component():
    features = np.float32([[1, 5], [1, 5.1], [1, 9], [1, 9.1]])
    weight, bias = np.float32([[1, 0, 2], [0, 0.5, 1]]), np.float32([0.5, 1, -1])
    new, level = split(weight, bias, features, 2, 0)
    former, logits = features @ weight + bias, features @ new + level
    np.testing.assert_array_equal(logits[:, 1], former[:, 1])
    np.testing.assert_allclose((logits[:, 0] + logits[:, 2]) / 2, former[:, 2], atol=1e-5)
    gap = logits[:, 2] - logits[:, 0]
    np.testing.assert_allclose(np.abs(gap), 2 * 0.5 * np.abs(features[:, 1] - 7.05) / features[:, 1].std(), rtol=1e-3)
    assert gap[0] * gap[1] > 0 > gap[0] * gap[2]
    np.testing.assert_array_equal(weight, np.float32([[1, 0, 2], [0, 0.5, 1]]))  # what was given stays


def test_a_round_that_scores_less_is_undone_and_ends_the_mending():
    rounds = Sortings(4)
    even, uneven = np.full(4, 0.25), np.array([0.5, 0.25, 0.2, 0.05])
    assert (rounds.last_step, rounds.ends(100), rounds.ends(101)) == (400, True, False)
    assert rounds.judge(1.0) and rounds.mends
    assert rounds.finding(uneven) == (
        "sorting round 1 of 4 scores 1.00 (at most 2.77); category 3 holds 5.0% of the images and category 0 50.0%: "
        "the large one is split, the small one given up"
    )
    assert rounds.judge(1.5) and rounds.finding(even) == "sorting round 2 of 4 scores 1.50 (at most 2.77)"
    assert not rounds.judge(1.2) and not rounds.mends
    assert rounds.finding(uneven).startswith("sorting round 3 of 4 scores 1.20 (at most 2.77), less than round 2: undone; category 3")
    assert rounds.finding(uneven).endswith("look at category-….png")
    again = Sortings(4)
    again.load_state(rounds.state())
    assert (again.scores, again.kept, again.undone) == ([1.0, 1.5, 1.2], 2, True)


def two_digits(per_class=300):
    """Zeros and ones of MNIST."""
    images = load(DataSpec("mnist"), "train")
    chosen = np.concatenate([np.flatnonzero(images.labels == digit)[:per_class] for digit in (0, 1)])
    return images.subset(chosen)


def test_a_bad_sorting_is_noticed_without_labels_and_mended(monkeypatch):
    """Q is made to put zeros and ones into one category."""
    import paddle

    from paddle_gan_aug.algorithms import sorting

    monkeypatch.setattr(sorting, "ROUND", 30)
    paddle.seed(0)
    images = two_digits()
    settings = {
        "discriminator.init_std": None,
        "code.categories": 2,
        "code.continuous": 0,
        "discriminator.width": 0.15,
        "generator.width": 0.05,
        "train.steps": 1000,
    }
    gan = build(load_config("infogan", {**settings, "code.sorting_rounds": 2}), images.shape, images.class_names)
    batches = Batches(images, 40, lambda epoch: np.random.default_rng(epoch))
    gan.prepare(batches)

    def learn(step):
        gan.begin_step(step, 1000)
        return gan.step([batches.batch(step - 1)], np.random.default_rng(step))

    for step in range(1, 30):
        assert set(learn(step)) == {"clustering_loss"} and not gan.learns_images and gan.findings == ()
    _, bias = gan._category_weights()
    bias.set_value(paddle.to_tensor([50.0, -50.0]))  # the planted fault
    learn(30)
    (noticed,) = gan.findings
    assert "category 1 holds 0.0% of the images and category 0 100.0%: the large one is split" in noticed
    for step in range(31, 61):
        learn(step)
    assert gan.sortings.kept == 2 and gan.sortings.scores[0] < 0.1 and gan.sortings.scores[1] > 1
    features, logits, _ = gan._readings()
    labels = np.concatenate([batches.batch(i).labels for i in range(batches.steps_per_epoch)])
    right = (logits.argmax(1).numpy() == labels).mean()
    assert max(right, 1 - right) > 0.95
    assert "d_real_loss" in learn(61) and gan.learns_images


@pytest.mark.parametrize("undone", [False, True])
def test_a_run_goes_on_bit_for_bit_within_the_sorting(tmp_path, small_mnist, monkeypatch, undone):
    """Also after a round that was undone, and from the last step of the sorting, when G's and the logit's moments do not exist yet."""
    import json

    import paddle_gan_aug
    from paddle_gan_aug.algorithms import sorting

    monkeypatch.setattr(sorting, "ROUND", 3)
    if undone:
        judge = Sortings.judge
        monkeypatch.setattr(Sortings, "judge", lambda self, score: judge(self, -float(len(self.scores))))
    narrow = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20, "log.grid_images": 32, "log.visualdl": False}
    overrides = {"data.source": str(small_mnist), **narrow, "code.sorting_rounds": 2, "log.every_steps": 1, "train.steps": 201}
    overrides.update({"checkpoint.every_steps": 2, "checkpoint.keep": 9, "health.every_steps": 2, "health.recover": False})

    def stop_at(step):
        class Stop(paddle_gan_aug.training.loop.Callback):
            def on_step(self, progress):
                if progress.step == step:
                    progress.interrupted = "SIGINT"

        return Stop()

    options = {"output": tmp_path, "log": tmp_path / "log", "quiet": True}
    paddle_gan_aug.train("infogan", run="whole", overrides=overrides, callbacks=[stop_at(10)], **options)
    for number, step in enumerate((2, 4, 6, 7, 10)):
        more = {"resume": True} if number else {"overrides": overrides}
        paddle_gan_aug.train(None if number else "infogan", run="parts", callbacks=[stop_at(step)], **more, **options)
    for name in ("weights.safetensors", "optimizers.safetensors"):
        whole, parts = ((tmp_path / run / "checkpoints" / "step-10" / name).read_bytes() for run in ("whole", "parts"))
        assert whole == parts
    rows = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    told = {row["step"]: row["findings"][0][:23] for row in rows if "findings" in row}
    assert told == {3: "sorting round 1 of 2 sc", 6: "sorting round 2 of 2 sc"}
    assert ["g_loss" in row for row in rows] == [False] * 6 + [True] * 4
    assert ["health/contrast" in row for row in rows] == [row["step"] in (8, 10) for row in rows]
