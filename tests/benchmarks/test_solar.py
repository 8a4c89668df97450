"""The photographs of solar cells: the list is read rightly, parts are disjoint, and another package is refused. Nothing is fetched here."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks import solar
from paddle_gan_aug.data import load, load_unlabelled
from paddle_gan_aug.data.spec import DataSpec
from paddle_gan_aug.errors import InputError, RunFailed

COUNTS = {"functional": 12, "defective": 9}


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An archive of the same form with small counts, each photograph of one grey value."""
    path, lines, number = tmp_path / "p.whl", [], 0
    with zipfile.ZipFile(path, "w") as archive:
        kinds = [("0.0", "mono")] * COUNTS["functional"] + [("1.0", "mono")] * COUNTS["defective"]
        for probability, kind in [*kinds, ("0.0", "poly"), ("0.3333333333333333", "mono")]:
            number += 1
            name, data = f"images/cell{number:04d}.png", io.BytesIO()
            Image.fromarray(np.full((300, 300), number, np.uint8)).save(data, "PNG")
            archive.writestr(solar.INSIDE + name, data.getvalue())
            lines.append(f"{name}  {probability}                 {kind}")
        archive.writestr(solar.INSIDE + "labels.csv", "\n".join(lines))
    monkeypatch.setattr(solar, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(solar, "TRAIN", {"functional": 5, "defective": 2})
    monkeypatch.setattr(solar, "TESTED", 4)
    return path


def test_parts_are_disjoint_and_complete(wheel, tmp_path, capsys):
    found, text = solar.solar_cells(str(tmp_path / "cells"), str(wheel), 0, str(tmp_path / "rest"))
    rest = load(tmp_path / "rest", "train", split="full")
    assert rest.class_names == ("defective", "functional") and np.bincount(rest.labels).tolist() == [3, 3]
    assert {p.name for p in (tmp_path / "rest").rglob("*.png")} == {p.name for p in (tmp_path / "cells" / "unlabelled").glob("*.png")}
    assert found["counts"] == {
        "train": {"functional": 5, "defective": 2},
        "test": {"functional": 4, "defective": 4},
        "unlabelled": {"functional": 3, "defective": 3},
    }
    values = {part: {int(Image.open(p).getextrema()[0]) for p in (tmp_path / "cells" / part).rglob("*.png")} for part in found["counts"]}
    assert sorted(v for of in values.values() for v in of) == list(range(1, 22))  # each photograph once, no poly, no doubtful one
    train = load(tmp_path / "cells", "train", split="full")
    assert train.shape == (1, 64, 64) and train.class_names == ("defective", "functional")
    assert len(load_unlabelled(DataSpec(str(tmp_path / "cells")), train)) == 6 + 7
    assert f"fingerprint of train: {found['fingerprints']['train']}" in text


def test_the_seed_draws_and_is_repeated(wheel, tmp_path):
    prints = [solar.solar_cells(str(tmp_path / f"c{i}"), str(wheel), seed)[0]["fingerprints"] for i, seed in enumerate((0, 0, 1))]
    assert prints[0] == prints[1] != prints[2]


def test_what_is_refused(wheel, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="not empty"):
        solar.write_cells(tmp_path / "full", wheel)
    with pytest.raises(InputError, match="is no file"):
        solar.write_cells(tmp_path / "a", tmp_path / "none.whl")
    monkeypatch.setattr(solar, "SHA256", "0" * 64)
    with pytest.raises(RunFailed, match="SHA-256 differs"):
        solar.write_cells(tmp_path / "b", wheel)
    with pytest.raises(RunFailed, match="not understood: ../../x.png 0.0 mono"):
        solar.listed_cells("../../x.png 0.0 mono")
    with pytest.raises(RunFailed, match="expected a grey picture"):
        solar.small(Image.new("RGB", (300, 300)))
