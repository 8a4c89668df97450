"""Which images a cell learns and which score it; leaks are refused."""

import dataclasses
import hashlib

import numpy as np
import pytest

from paddle_gan_aug.data import concatenate
from paddle_gan_aug.data.overlap import repeated
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.study.splits import (
    CHOOSE,
    FINAL,
    TEST,
    CellImages,
    Scenario,
    cell_images,
    check_apart,
    check_data,
    check_learnt,
    check_test,
    fold_of,
    held_out,
    read_data,
)


def test_folds_are_disjoint_stratified_and_cover_all(study_data):
    data = study_data(pool=(9, 10, 17), test=None)
    folds = fold_of(data.labels, 4)
    for fold in range(4):
        of_fold = data.labels.subset(np.flatnonzero(folds == fold)).counts()
        assert (of_fold >= [2, 2, 4]).all() and (of_fold <= [3, 3, 5]).all()
    assert max(np.bincount(folds)) - min(np.bincount(folds)) <= 1
    cells = [cell_images(data, Scenario(), seed, TEST, 4) for seed in range(4)]
    for cell in cells:
        assert not repeated(cell.test.images, cell.train.images).any()
        assert len(cell.train) + len(cell.test) == 36
    tested = np.concatenate([cell.test.images for cell in cells])
    assert len({image.tobytes() for image in tested}) == 36
    assert cell_images(data, Scenario(), 5, TEST, 4).test.fingerprint() != cells[1].test.fingerprint()  # folds are drawn anew


def test_given_test_images_are_used_as_they_are(study_data):
    data = study_data(valid=(3, 3, 3))
    cell = cell_images(data, Scenario(), 3, TEST, 8)
    assert cell.test is data.test and len(cell.train) == 45
    choosing = cell_images(data, Scenario(), 1000, CHOOSE, 8)
    assert not repeated(choosing.test.images, data.test.images).any()
    assert not repeated(choosing.test.images, choosing.train.images).any()
    assert len(choosing.test) + len(choosing.train) == 45


def test_few_labels_are_drawn_by_the_seed(study_data):
    data = study_data(valid=(5, 5, 5))
    cells = [cell_images(data, Scenario(4), seed, TEST, 8) for seed in (0, 0, 1)]
    assert cells[0].train.counts().tolist() == [4, 4, 4]
    assert cells[0].train.fingerprint() == cells[1].train.fingerprint() != cells[2].train.fingerprint()
    assert not repeated(cells[0].spare.images, cells[0].train.images).any() and len(cells[0].spare) == 24
    assert cell_images(data, Scenario(4), 1000, CHOOSE, 8).test.fingerprint() == data.valid.fingerprint()
    assert cell_images(data, Scenario(4), 0, FINAL, 8).train.fingerprint() == cells[0].train.fingerprint()


def test_classes_are_cut(study_data):
    cell = cell_images(study_data(), Scenario(None, (("dot", 2),)), 0, TEST, 8)
    assert cell.train.counts().tolist() == [12, 2, 12]
    assert Scenario(None, (("dot", 2),)).name == "dot cut to 2"
    assert Scenario(5, (("dot", 2),)).name == "5 labels a class, dot cut to 2"


def test_what_cannot_be_studied_is_refused_before_anything_runs(study_data):
    assert check_data(study_data(), Scenario(), 8) is None
    with pytest.raises(InputError, match="no test images, and too few to hold some out: class bar has 3"):
        check_data(study_data(pool=(3, 9, 9), test=None), Scenario(), 8)
    same = dataclasses.replace(study_data(test=None), pool=study_data().pool.subset([*range(24), *[30] * 12]))
    with pytest.raises(InputError, match="too few to hold some out: class ring has 1, 4 folds need as many different ones"):
        check_data(same, Scenario(), 4)
    with pytest.raises(InputError, match="no test images, which a study of fewer labels needs"):
        check_data(study_data(test=None), Scenario(4), 8)
    with pytest.raises(InputError, match="12 training images of class bar beside those held out, 50 are asked for"):
        check_data(study_data(), Scenario(50), 8)
    with pytest.raises(InputError, match="no class 'cat'"):
        check_data(study_data(), Scenario(None, (("cat", 3),)), 8)


def test_duplicates_between_training_and_test_are_counted_and_refused(study_data):
    data = study_data()
    planted = dataclasses.replace(data, test=concatenate(data.test, data.pool.subset([0, 1])))
    with pytest.raises(InputError, match="2 of the 62 test images are training images"):
        check_test(planted)
    assert check_test(planted, allow_overlap=True)["exact"] == 2
    assert check_test(data) == {"exact": 0, "near": 0}
    dimmed = data.pool.subset([0, 1, 2])
    dimmed = dataclasses.replace(dimmed, images=(dimmed.images * 0.9).astype(np.uint8))
    assert check_test(dataclasses.replace(data, test=concatenate(data.test, dimmed)))["near"] == 3


def test_copies_stay_on_one_side_of_every_split(study_data):
    alone = study_data(test=None)
    again = concatenate(alone.pool.subset([4, 5, 6, 14]), alone.pool.subset([4, 30]))
    twice = dataclasses.replace(alone, pool=concatenate(alone.pool, again))
    check_data(twice, Scenario(), 4)
    assert check_test(twice) == {"exact": 0, "near": 0}
    for seed in range(12):
        for role in (TEST, CHOOSE):
            cell = cell_images(twice, Scenario(), seed, role, 4)
            assert len(cell.train) + len(cell.test) == 42 and not repeated(cell.test.images, cell.train.images).any()
    known = dataclasses.replace(study_data(), valid=concatenate(study_data().pool.subset([0, 13]), study_data(test=(3, 3, 3)).test))
    cell = cell_images(known, Scenario(12), 0, CHOOSE, 8)
    assert len(cell.test) == 9 and not repeated(cell.test.images, cell.train.images).any()


@pytest.mark.parametrize("order", [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1, 2, 2]])
def test_copies_do_not_empty_a_fold_of_their_class(study_data, order):
    """However often an image is there, each fold has different images of each class as far as there are some."""
    pool = study_data().pool.subset([*range(12), *(12 + index for index in order)])  # bars, and dots with copies
    for repetition in range(20):
        folds = fold_of(pool, 2, repetition)
        assert set(folds[12:]) == {0, 1}
        assert len({(index, fold) for index, fold in zip(order, folds[12:])}) == len(set(order))  # copies are together


def test_only_folds_with_copies_are_other_data_than_before(study_data):
    """Copies are dealt otherwise than by earlier versions, whose rows of such folds are left aside."""
    data = study_data(test=None)
    twice = dataclasses.replace(data, pool=data.pool.subset([*range(36), 0]))
    parts = [one.pool.fingerprint() for one in (data, twice)]
    plain = [hashlib.sha256(part.encode()).hexdigest() for part in parts]
    assert data.fingerprint() == plain[0] and twice.fingerprint() != plain[1]
    tested = dataclasses.replace(twice, test=study_data().test)
    assert tested.fingerprint() == hashlib.sha256((parts[1] + tested.test.fingerprint()).encode()).hexdigest()


def test_a_class_of_copies_of_one_image_is_learnt(study_data):
    data = study_data()
    same = concatenate(data.pool.subset([*range(20), 25, 25, 25]), dataclasses.replace(data.pool.subset([25]), labels=np.array([0])))
    for seed in range(8):
        learnt, held = held_out(same, seed)
        assert learnt.counts()[2] == 3 and held.counts()[2] == 0 and not repeated(held.images, learnt.images).any()


def test_a_planted_leak_is_refused(study_data):
    data = study_data()
    leaky = CellImages(concatenate(data.pool, data.test.subset([3])), data.test)
    with pytest.raises(RunFailed, match="leak: 1 test images are among the labels"):
        check_apart(leaky)
    check_apart(leaky, allow_overlap=True)
    with pytest.raises(RunFailed, match="leak: the GAN has learnt other images"):
        check_learnt(leaky.train.fingerprint(), data.pool.fingerprint(), "the GAN")


def test_reading(npz):
    data = read_data(npz())
    assert len(data.labels) == 36 and len(data.test) == 60 and data.policy == "digits"
    assert read_data(npz(test=None, name="folds.npz")).test is None
    with pytest.raises(InputError, match="one class alone"):
        read_data(npz(train=(9, 0, 0), test=None, name="one.npz"))
