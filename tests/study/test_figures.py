"""The charts of a study: class names in any letters, without warnings of missing glyphs."""

import warnings

import numpy as np
import pytest

from paddle_gan_aug import fonts
from paddle_gan_aug.study import figures

NAMES = ["ü中", "a$b", "\u0e01"]


@pytest.mark.parametrize("chinese", [None, "installed"])
def test_class_names_are_drawn_without_warnings(tmp_path, monkeypatch, chinese):
    if chinese is None:
        monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    rows = [{"class": name, "mean": 0.1, "low": 0.0, "high": 0.2, "count": 8} for name in NAMES]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for drawn in (figures.confusion(np.eye(3), np.eye(3), NAMES, ("real", "gan")), figures.classes(rows, "gan", "real")):
            figures.png(drawn, tmp_path / "chart.png")
            text = figures.svg(drawn)
            shown = "ü中" if fonts.chinese_font() else "class 0"
            assert text.count(f">{shown}<") in (1, 4) and "a$b" in text and "class 2" in text


def test_a_chart_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    drawn, path = figures.figure(2, 2)[0], tmp_path / "chart.png"
    path.write_bytes(b"before")

    def half(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawn, "savefig", half)
    with pytest.raises(OSError, match="No space left"):
        figures.png(drawn, path)
    assert [file.name for file in tmp_path.iterdir()] == ["chart.png"] and path.read_bytes() == b"before"
