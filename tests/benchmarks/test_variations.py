"""`bench variations`: what the feature network reads in variations, of classes that the run has not seen unless told otherwise."""

import json

import pytest

from benchmarks.__main__ import main


def test_unseen_classes_are_read(cli, small, small_mnist, capsys):
    cli("train", "--gan", "dagan", "--data", small_mnist, *small, "data.classes=[0,1,2,3,4,5,6,7]", "--steps", 2, "--run", "r")
    to = cli.folder / "result.json"
    arguments = ["variations", str(cli.output / "r")]
    assert main([*arguments, "--draws", "2", "--to", str(to)]) == 0
    row = json.loads(to.read_text())[0]
    assert list(row["classes"]) == ["8", "9"] and row["seen"] == list("01234567") and row["part"] == "valid"
    for of_class in row["classes"].values():
        assert 0 <= of_class["read_as_class"] <= 1 and of_class["diversity"] > 0 and of_class["real_read_as_class"] > 0.5
    assert row["read_as_class"] == pytest.approx(sum(c["read_as_class"] for c in row["classes"].values()) / 2)
    assert "| r | 8 | no |" in capsys.readouterr().out
    assert main([*arguments, "--draws", "2", "--classes", "3", "--to", str(to)]) == 0
    assert list(json.loads(to.read_text())[0]["classes"]) == ["3"]
    assert main([*arguments, "--draws", "1"]) == 2
    assert "at least two" in capsys.readouterr().err
