"""Filters see what they need, from networks that saw the experiment's own training images alone."""

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.data import load, write_idx
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.filter_runner import FilterRunner, chosen_filters
from paddle_gan_aug.synthesis.filters import FILTERS, FilterChain
from paddle_gan_aug.synthesis.sampler import Samplers, expand

NEW = {"log.visualdl": False, "train.steps": 2, "train.epochs": None, "train.batch_size": 20}


def train(folder, source, preset="classifier", **more):
    overrides = {**NEW, "data.source": str(source), **more}
    return paddle_gan_aug.train(preset, run="r", output=folder, log=folder, overrides=overrides, quiet=True)


@pytest.mark.parametrize(
    "names, classifier, expected",
    [
        (None, False, []),
        (None, True, [row.name for row in FILTERS.values() if row.default]),
        ("none", True, []),
        ("default", True, [row.name for row in FILTERS.values() if row.default]),
        (["score", "contrast"], False, ["score", "contrast"]),
    ],
)
def test_which_filters_run(names, classifier, expected):
    assert chosen_filters(names, classifier) == expected


def test_every_row_that_reads_wants_a_classifier():
    for name, row in FILTERS.items():
        if {"probabilities", "features"} & set(row.needs):
            with pytest.raises(InputError, match="--classifier"):
                chosen_filters([name], False)
        assert chosen_filters([name], True) == [name]


def test_a_classifier_of_other_images_is_refused(tiny, small_mnist, tmp_path):
    """A few images less are enough, a few more too, and generated ones."""
    other = tmp_path / "other"
    other.mkdir()
    images = load(str(small_mnist), "train", split="full").subset(range(590))
    write_idx(other / "train-images-idx3-ubyte.gz", images.images[:, 0])
    write_idx(other / "train-labels-idx1-ubyte.gz", images.labels.astype(np.uint8))
    stranger = train(tmp_path / "a", other)
    samplers = Samplers(tiny["conditional"])
    with pytest.raises(InputError, match="not these 500 images"):
        FilterRunner(samplers, ["agreement"], stranger.folder)
    full = train(tmp_path / "b", small_mnist, **{"data.split": "full"})  # it knows the validation images
    with pytest.raises(InputError, match="600 images"):
        FilterRunner(samplers, ["agreement"], full.folder)
    tainted = paddle_gan_aug.classify(
        run="r",
        output=tmp_path / "c",
        log=tmp_path,
        overrides={**NEW, "data.source": str(small_mnist), "generated.source": str(tiny["conditional"]), "generated.per_class": 5},
        quiet=True,
    ).run
    with pytest.raises(InputError, match="generated images"):
        FilterRunner(samplers, ["agreement"], tainted.folder)
    FilterRunner(samplers, ["agreement"], tiny["classifier"])


def test_data_that_changed_is_noticed(small_mnist, tmp_path):
    import shutil

    data = shutil.copytree(small_mnist, tmp_path / "data")
    narrow = {"generator.width": 0.05, "discriminator.width": 0.05}
    run = train(tmp_path / "g", data, "projection", **narrow).folder
    images = load(str(data), "train", split="full")
    write_idx(data / "train-labels-idx1-ubyte.gz", images.labels[::-1].astype(np.uint8))
    with pytest.raises(InputError, match="has changed since"):
        FilterRunner(Samplers(run), ["contrast"])


def test_calibrated_filters_know_the_scores_of_their_class(tiny):
    samplers = Samplers(tiny["digits"])
    runner = FilterRunner(samplers, ["metropolis-hastings"])
    held_out = load(samplers.data, "valid")
    for c in (5, 6):
        reference = runner.reference(c)
        expected = samplers.of(c).run.algorithm.realness(held_out.of_class(c).images.astype("float32") / 127.5 - 1)
        np.testing.assert_allclose(reference.real_scores, np.ravel(expected), rtol=1e-4, atol=1e-5)
        assert len(reference.fake_scores) == len(reference.real_scores)
    candidates = runner.candidates(5, held_out.of_class(5).images)
    assert candidates.features is None and candidates.probabilities is None and candidates.scores is not None
    reasons = runner.judge(5, candidates, np.random.default_rng(0))
    assert set(reasons) <= {"", "not-chosen"}


def test_what_is_kept_stops_at_what_is_wanted(tiny):
    runner = FilterRunner(Samplers(tiny["conditional"]), ["contrast"])
    images = load(runner.samplers.data, "valid").images[:20].copy()
    images[::2] = 0  # blank
    reasons = runner.judge(3, runner.candidates(3, images), np.random.default_rng(0), wanted=4)
    assert reasons == ["blank", ""] * 4
    assert runner.chain.report.to_json()["classes"]["3"] == {
        "tried": 8,
        "kept": 4,
        "accept_rate": 0.5,
        "dropped": {"blank": 4},
    }


def test_the_report_goes_on_from_what_was_saved(tiny):
    runner = FilterRunner(Samplers(tiny["conditional"]), ["contrast"])
    images = load(runner.samplers.data, "valid").images[:10]
    runner.judge(3, runner.candidates(3, images), np.random.default_rng(0))
    again = FilterChain(runner.reference(0), runner.samplers.class_names, ["contrast"])
    again.report.restore(runner.chain.report.to_json())
    assert again.report.to_json() == runner.chain.report.to_json()
    with pytest.raises(ValueError, match="other classes"):
        FilterChain(runner.reference(0), runner.samplers.class_names, ["bright"]).report.restore(runner.chain.report.to_json())


def test_memory_is_bounded(tiny, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.synthesis.filters.REMEMBERED", 5)
    runner = FilterRunner(Samplers(tiny["conditional"]), ["duplicates"], tiny["classifier"])
    images = load(runner.samplers.data, "valid").of_class(1).images[:8]
    chain, candidates = runner.chain, runner.candidates(1, images)
    assert runner.judge(1, candidates, None) == [""] * 8
    assert len(chain._kept[0]) == 5
    assert runner.judge(1, candidates.subset([7]), None) == ["duplicate"]
    assert runner.judge(1, candidates.subset([0]), None) == [""]  # forgotten
    chain.forget()
    assert runner.judge(1, candidates.subset([7]), None) == [""]


def test_runs_that_do_not_belong_together(tiny):
    assert [folder.name for folder in expand(tiny["digits"])] == ["digits-5", "digits-6"]
    with pytest.raises(InputError, match="two runs make the class 5"):
        Samplers([tiny["5"], tiny["5"]])
    with pytest.raises(InputError, match="makes all classes"):
        Samplers([tiny["5"], tiny["conditional"]])
