"""What a person is told of a study's images before anything runs."""

import dataclasses

import numpy as np

from paddle_gan_aug.data import concatenate
from paddle_gan_aug.study.checks import told_copies


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
