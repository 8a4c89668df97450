"""Keys and rows of cells."""

import dataclasses

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell, Settings, key_of, missing, read_rows, store
from paddle_gan_aug.study.splits import CHOOSE, TEST, Scenario

CELL = Cell(arm_of("gan"), Scenario(10), 0, TEST)


def test_a_key_is_of_everything_that_the_number_depends_on():
    key = key_of(CELL, Settings(), "data")
    assert key == key_of(CELL, Settings(), "data") and len(key) == 16
    others = [
        key_of(dataclasses.replace(CELL, seed=1), Settings(), "data"),
        key_of(dataclasses.replace(CELL, role=CHOOSE), Settings(), "data"),
        key_of(dataclasses.replace(CELL, scenario=Scenario(20)), Settings(), "data"),
        key_of(dataclasses.replace(CELL, arm=arm_of("gan@0.1")), Settings(), "data"),
        key_of(dataclasses.replace(CELL, arm=arm_of("gan+filter")), Settings(), "data"),
        key_of(CELL, Settings(steps=9), "data"),
        key_of(CELL, Settings(gan_steps=9), "data"),
        key_of(CELL, Settings(overrides={"classifier.dropout": 0.1}), "data"),
        key_of(CELL, Settings(), "other data"),
    ]
    assert len({key, *others}) == len(others) + 1
    assert key_of(CELL, Settings(threads=2), "data") == key
    real = dataclasses.replace(CELL, arm=arm_of("real"))
    assert key_of(real, Settings(gan_steps=9), "data") == key_of(real, Settings(), "data")  # an arm without a GAN does not ask it


def test_rows_are_stored_and_not_computed_twice(tmp_path):
    row = {
        "key": key_of(CELL, Settings(), "d"),
        "arm": "gan",
        "scenario": "s",
        "seed": 0,
        "role": TEST,
        "error": "RunFailed: no",
        "seconds": 1.0,
    }
    assert missing([CELL], Settings(), "d", tmp_path) == [CELL]
    store(tmp_path, row)
    assert read_rows(tmp_path) == [row]
    assert missing([CELL], Settings(), "d", tmp_path) == []
    assert missing([CELL], Settings(), "d", tmp_path, retry=True) == [CELL]
    (tmp_path / "rows" / "damaged.json").write_text("{")
    with pytest.raises(InputError, match="damaged.json is no row"):
        read_rows(tmp_path)
