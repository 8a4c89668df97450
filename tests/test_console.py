"""What is printed: any text on any console, and tables and lists that stay readable when there are a thousand classes."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paddle_gan_aug.cli.augment import text_of
from paddle_gan_aug.console import listed, prepare_console
from paddle_gan_aug.synthesis.augment import AugmentedSet

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("玫瑰", "clé 😀", "lone \udcb0 byte")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
def test_any_text_is_printed_and_json_stays_json(encoding, monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    prepare_console()
    print(json.dumps(NAMES, ensure_ascii=False))
    print(*NAMES, file=sys.stderr)
    assert tuple(json.loads(out.buffer.getvalue().decode(encoding))) == NAMES
    said = err.buffer.getvalue().decode(encoding)
    assert ("玫瑰" if encoding in ("gbk", "utf-8") else r"\u73ab\u7470") in said
    assert r"\udcb0" in said


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["train", "--list-presets", "--json"]])
def test_help_on_a_console_of_ascii(cli, monkeypatch, arguments):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert cli(*arguments).stderr == ""


def test_predictions_and_pictures_of_chinese_classes(cli, monkeypatch, tmp_path):
    """The console is ASCII and there may be no Chinese font: nothing is lost, and at most one line speaks of it."""
    from paddle_gan_aug.pictures import save_png

    for number, name in enumerate(("玫瑰", "郁金香")):
        for part, count in (("train", 12), ("test", 4)):
            folder = tmp_path / "花" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                save_png(folder / f"{i}.png", np.full((28, 28), 40 + 150 * number + i + 20 * (part == "test"), np.uint8))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = cli("classify", "--data", tmp_path / "花", "--batch-size", 8, "--steps", 3, "--run", "r", "--json")
    report = json.loads(done.stdout)
    assert set(report["precision"]) == {"玫瑰", "郁金香"}
    assert "Glyph" not in done.stderr and "Warning" not in done.stderr
    assert sum("font" in line for line in done.stderr.splitlines()) <= 1
    assert (cli.output / "r" / "report" / "confusion.png").exists()
    rows = [json.loads(line) for line in cli("predict", cli.output / "r", tmp_path / "花" / "test").stdout.splitlines()]
    assert len(rows) == 8 and {row["class"] for row in rows} <= {"玫瑰", "郁金香"}
    assert r"\u" in cli("predict", cli.output / "r", tmp_path / "花" / "test", "--csv").stdout


def test_long_lists_and_tables_are_cut():
    names = [f"c{i}" for i in range(1000)]
    assert listed(names[:3]) == "c0, c1, c2"
    assert listed(names).endswith("c28, c29 and 970 more")
    table = [[name, 1, 2, 3] for name in names] + [["all", 1000, 2000, 3000]]
    made = AugmentedSet(Path("set"), table, {}, {}, "digits", None, "data", picture=Path("p.png"), steps=[])
    lines = text_of(made).splitlines()
    assert len(lines) < 40
    assert "… and 970 more" in lines[31] and lines[32].split() == ["all", "1000", "2000", "3000"]


def test_main_prepares_the_console():
    code = "import sys; from paddle_gan_aug.cli.main import main; main(['train', '--list-presets'])"
    code += "; print(sys.stdout.errors, sys.stderr.errors)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "json-escape json-escape"
