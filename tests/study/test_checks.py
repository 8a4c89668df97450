"""What a person is told of a study's images before anything runs."""

import dataclasses

import numpy as np
import pytest
from study_plans import plan_of

from paddle_gan_aug.data import concatenate
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.checks import check_presets, told_copies, told_data


def test_copies_are_told_and_those_under_another_class_too(study_data):
    pool = study_data().pool
    assert told_copies(pool) == []
    more = concatenate(pool, pool.subset([4, 4, 7]))
    told = "labelled images are there more than once, pixel for pixel: all copies stay on the same side of every split"
    assert told_copies(more) == [f"2 {told}"]
    wrong = concatenate(pool, dataclasses.replace(pool.subset([4]), labels=np.array([2])))
    assert told_copies(wrong) == [
        f"1 {told}",
        "1 labelled images are there again under another class, one of them in bar and ring: one label must be wrong",
    ]


def test_small_classes_are_named_for_labels_may_be_misspelt():
    about = {"labels": 24, "classes": {"circle": 12, "square": 10, "sqaure": 2}, "shape": [1, 32, 32], "test": "8 folds"}
    told = "images      24 with labels, 2 to 12 in each of 3 classes (sqaure: 2, square: 10, circle: 12), 1 x 32 x 32; tested on 8 folds"
    assert told_data(about) == told
    for classes, each in (({"b": 3, "a": 3}, "3"), ({"b": 4, "a": 3}, "3 to 4")):
        told = f"{each} in each of 2 classes (b, a), 1 x 32 x 32;"
        assert told in told_data({**about, "classes": classes}), "classes of about one size: their names, in their order"


@pytest.mark.parametrize("of", ["overrides", "gan_overrides", "learner_overrides"])
def test_settings_that_need_validation_images_are_refused(study_data, of):
    """The classifiers of a study learn all the labels that they are given."""
    with pytest.raises(InputError, match=f"{of}: eval.every_steps belongs to the study"):
        check_presets(plan_of(study_data(), arms=["gan"], **{of: {"eval.every_steps": 10}}))
