"""The table of image sizes: a measured row, and what is made of stored ones."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.sizes import measured, sizes_table

ROOT = Path(__file__).parents[2]
ROW = {"name": "lenet", "size": 48, "channels": 3, "batch_size": 128, "parameters": {"classifier": 123456}, "cpu_ms": 70, "peak_mb": 400}


def test_a_row_is_measured(process):
    row = measured("sngan-residual", 48, 1, {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 16})
    assert set(row["parameters"]) == {"generator", "discriminator"} and min(row["parameters"].values()) > 100
    assert row["cpu_ms"] > 0 and row["peak_mb"] >= row["held_mb"] > 0


def test_the_table_has_a_column_for_each_size():
    table = sizes_table([ROW, {**ROW, "size": 96, "cpu_ms": 150}, {**ROW, "name": "resnet"}]).splitlines()
    assert table[0] == "| network | batch | 48 px | 96 px |"
    assert table[2:] == ["| lenet, colour | 128 | 70 / 400 / 0.12 | 150 / 400 / 0.12 |", "| resnet, colour | 128 | 70 / 400 / 0.12 | – |"]


def test_stored_rows_are_shown_and_unknown_names_refused(tmp_path, capsys):
    (tmp_path / "lenet-48-3.json").write_text(json.dumps(ROW))
    assert main(["sizes", "--stored", "--to", str(tmp_path)]) == 0
    assert "| lenet, colour | 128 | 70 / 400 / 0.12 |" in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        raise SystemExit(main(["sizes", "--only", "alexnet", "--to", str(tmp_path)]))
    assert refused.value.code == 2 and "alexnet" in capsys.readouterr().err


def test_the_page_has_the_table_of_the_stored_rows(capsys):
    assert main(["sizes", "--stored"]) == 0
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
