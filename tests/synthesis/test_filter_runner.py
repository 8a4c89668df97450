"""Filters see what they need, from networks that saw the experiment's own training images alone."""

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.data import load, write_idx
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.filter_chain import FilterChain
from paddle_gan_aug.synthesis.filter_runner import LOOKED_AT, FilterRunner, _spread
from paddle_gan_aug.synthesis.reader import Reader, open_reader
from paddle_gan_aug.synthesis.sampler import Samplers, expand, open_runs


def samplers_of(runs):
    return Samplers(open_runs(runs))


def runner_of(samplers, names, classifier=None):
    """The filters `names`, with a run of a classifier if one is given."""
    reader = classifier and Reader(open_reader(classifier, samplers.parts.read("train")), samplers.parts)
    return FilterRunner(samplers, names, reader)


NEW = {"log.visualdl": False, "train.steps": 2, "train.epochs": None, "train.batch_size": 20}


def train(folder, source, preset="classifier", **more):
    overrides = {**NEW, "data.source": str(source), **more}
    return paddle_gan_aug.train(preset, run="r", output=folder, log=folder, overrides=overrides, quiet=True)


def test_a_classifier_of_other_images_is_refused(tiny, small_mnist, tmp_path):
    """A few images less are enough, a few more too, and generated ones."""
    other = tmp_path / "other"
    other.mkdir()
    images = load(str(small_mnist), "train", split="full").subset(range(590))
    write_idx(other / "train-images-idx3-ubyte.gz", images.images[:, 0])
    write_idx(other / "train-labels-idx1-ubyte.gz", images.labels.astype(np.uint8))
    stranger = train(tmp_path / "a", other)
    samplers = samplers_of(tiny["conditional"])
    with pytest.raises(InputError, match="not these 500 images"):
        runner_of(samplers, ["agreement"], stranger.folder)
    full = train(tmp_path / "b", small_mnist, **{"data.split": "full"})  # it knows the validation images
    with pytest.raises(InputError, match="600 images"):
        runner_of(samplers, ["agreement"], full.folder)
    tainted = paddle_gan_aug.classify(
        run="r",
        output=tmp_path / "c",
        log=tmp_path,
        overrides={**NEW, "data.source": str(small_mnist), "generated.source": str(tiny["conditional"]), "generated.per_class": 5},
        quiet=True,
    ).run
    with pytest.raises(InputError, match="generated images"):
        runner_of(samplers, ["agreement"], tainted.folder)
    runner_of(samplers, ["agreement"], tiny["classifier"])


def test_data_that_changed_is_noticed(small_mnist, tmp_path):
    import shutil

    data = shutil.copytree(small_mnist, tmp_path / "data")
    narrow = {"generator.width": 0.05, "discriminator.width": 0.05}
    run = train(tmp_path / "g", data, "projection", **narrow).folder
    images = load(str(data), "train", split="full")
    write_idx(data / "train-labels-idx1-ubyte.gz", images.labels[::-1].astype(np.uint8))
    with pytest.raises(InputError, match="has changed since"):
        runner_of(samplers_of(run), ["contrast"])


def test_calibrated_filters_know_the_scores_of_their_class(tiny):
    samplers = samplers_of(tiny["digits"])
    runner = runner_of(samplers, ["metropolis-hastings"])
    held_out = samplers.parts.read("valid")
    for c in (5, 6):
        sampler = samplers.of_class(str(c))
        reference = runner.reference(sampler)
        expected = sampler.run.algorithm.realness(held_out.of_class(c).images.astype("float32") / 127.5 - 1)
        np.testing.assert_allclose(reference.real_scores, np.ravel(expected), rtol=1e-4, atol=1e-5)
        assert len(reference.fake_scores) == len(reference.real_scores)
    five = samplers.of_class("5")
    candidates = runner.candidates(five, held_out.of_class(5).images)
    assert candidates.features is None and candidates.probabilities is None and candidates.scores is not None
    runner.begin_class(five)
    reasons = runner.chain.judge(candidates, np.random.default_rng(0))
    assert set(reasons) <= {"", "not-chosen"}


def test_what_is_kept_stops_at_what_is_wanted(tiny):
    runner = runner_of(samplers_of(tiny["conditional"]), ["contrast"])
    images = runner.samplers.parts.read("valid").images[:20].copy()
    images[::2] = 0  # blank
    three = runner.samplers.of_class("3")
    reasons = runner.chain.judge(runner.candidates(three, images), np.random.default_rng(0), quota=4)
    assert reasons == ["blank", ""] * 4
    assert runner.chain.report.to_json()["classes"]["3"] == {
        "tried": 8,
        "kept": 4,
        "accept_rate": 0.5,
        "dropped": {"blank": 4},
    }


def test_the_report_goes_on_from_what_was_saved(tiny):
    runner = runner_of(samplers_of(tiny["conditional"]), ["contrast"])
    images = runner.samplers.parts.read("valid").images[:10]
    three = runner.samplers.of_class("3")
    runner.chain.judge(runner.candidates(three, images), np.random.default_rng(0))
    again = FilterChain(runner.reference(three), runner.samplers.class_names, ["contrast"])
    again.report.restore(runner.chain.report.to_json())
    assert again.report.to_json() == runner.chain.report.to_json()
    with pytest.raises(ValueError, match="other classes"):
        FilterChain(runner.reference(three), runner.samplers.class_names, ["bright"]).report.restore(runner.chain.report.to_json())


def test_memory_is_bounded(tiny, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.synthesis.filter_chain.REMEMBERED", 5)
    runner = runner_of(samplers_of(tiny["conditional"]), ["duplicates"], tiny["classifier"])
    images = runner.samplers.parts.read("valid").of_class(1).images[:8]
    one = runner.samplers.of_class("1")
    chain, candidates = runner.chain, runner.candidates(one, images)
    assert chain.judge(candidates, None) == [""] * 8
    assert len(chain._kept[0]) == 5
    assert chain.judge(candidates.subset([7]), None) == ["duplicate"]
    assert chain.judge(candidates.subset([0]), None) == [""]  # forgotten
    runner.begin_class(one)
    assert chain.judge(candidates.subset([7]), None) == [""]


def test_runs_that_do_not_belong_together(tiny):
    assert [folder.name for folder in expand(tiny["digits"])] == ["digits-5", "digits-6"]
    with pytest.raises(InputError, match="two runs make the class 5"):
        samplers_of([tiny["5"], tiny["5"]])
    with pytest.raises(InputError, match="makes all classes"):
        samplers_of([tiny["5"], tiny["conditional"]])


def test_real_images_are_read_once(tiny, monkeypatch):
    """What is learnt of them and how well the classifier reads them come from one reading."""
    from paddle_gan_aug.algorithms.classifier import SupervisedClassifier

    samplers = samplers_of(tiny["conditional"])
    reader = Reader(open_reader(tiny["classifier"], samplers.parts.read("train")), samplers.parts)
    seen, original = [], SupervisedClassifier.read

    def read(self, images, batch_size=500):
        if self is reader.run.algorithm:
            seen.append(len(images))
        return original(self, images, batch_size)

    monkeypatch.setattr(SupervisedClassifier, "read", read)
    FilterRunner(samplers, ["confidence", "agreement", "duplicates"], reader)
    assert sorted(seen) == [100, 500]


@pytest.mark.parametrize("count", [3, 9_999, 10_000, 14_999])
def test_limits_come_from_images_of_every_class(count):
    """Files that are sorted by class: what is looked at is spread over all of them."""
    labels = np.sort(np.arange(count) % 10).reshape(-1, 1, 1, 1)
    looked_at = _spread(labels, LOOKED_AT)
    assert len(looked_at) == min(count, LOOKED_AT) and set(looked_at.ravel()) == set(labels.ravel())
