"""`generate --from`: variations of real images on disk, with a manifest; what cannot be varied is refused in a line."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.cli.main import main
from paddle_gan_aug.data import DataSpec, load, load_test
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis import vary as vary_module
from paddle_gan_aug.synthesis.vary import vary


@pytest.fixture
def run(cli, small, small_mnist):
    """A tiny DAGAN that has not seen 8 and 9."""
    cli("train", "--gan", "dagan", "--data", small_mnist, *small, "data.classes=[0,1,2,3,4,5,6,7]", "--steps", 4, "--run", "r")
    return cli.output / "r"


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_variations_of_classes_never_seen(cli, run, small_mnist, monkeypatch):
    state = json.loads(next((run / "checkpoints").glob("step-4/state.json")).read_text())
    assert state["data"]["source"].endswith("classes 0, 1, 2, 3, 4, 5, 6, 7")
    to = cli.folder / "varied"
    cli("generate", run, "--from", small_mnist, "--part", "valid", "--classes", 8, 9, "--count", 30, "--to", to)
    rows = [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]
    valid = load(str(small_mnist), "valid").of_classes([8, 9])
    assert len(rows) == 30 and {row["class"] for row in rows} == {"8", "9"} and rows[0]["data"] == valid.source
    assert all(row["class"] == str(valid.labels[row["source"]]) for row in rows)
    written = load_test(DataSpec(str(to)))  # class folders again, as data
    assert written.class_names == ("8", "9") and len(written) == 30
    assert Image.open(to / "grid.png").size == (16 * 28 + 15, 4 * 28 + 3)
    again = cli.folder / "again"
    made = vary(run, to=again, data=str(small_mnist), count=3, part="valid", classes=[8, 9])
    assert made.count == len(made.images()) == 3
    assert not (again / ".partial").exists()
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(vary_module, "save_png", full_disk)
        vary(run, to=cli.folder / "half", data=str(small_mnist), count=3)
    with pytest.raises(InputError, match="half holds a set that is not finished"):
        load(str(cli.folder / "half"))
    first = rows[0]["file"]
    assert (again / first).read_bytes() == (to / first).read_bytes()


def test_the_other_commands_take_such_a_run_and_faults_are_refused(cli, run, small, small_mnist, tmp_path, capsys):
    assert len(list((run / "samples").glob("*.png"))) == 1
    assert main(["generate", str(run), "--count", "5", "--to", str(tmp_path / "images")]) == 2
    assert "--from DATA" in capsys.readouterr().err
    cli("train", "--data", small_mnist, *small, "--steps", 1, "--run", "g")
    wide = tmp_path / "wide.npz"
    np.savez(wide, images=np.random.default_rng(0).integers(0, 256, (12, 32, 32), np.uint8))
    capsys.readouterr()
    for arguments, message in (
        ([cli.output / "g", "--from", small_mnist], "varies no images: it trained the algorithm classic"),
        ([run, "--from", wide], "has images [1, 32, 32], run r learnt [1, 28, 28]"),
        ([run, "--from", small_mnist, "--classes", "x"], "no class 'x'"),
        ([run, "--classes", "8"], "name the images with --from"),
        ([run, "--from", tmp_path / "none"], "does not exist"),
    ):
        to = tmp_path / "to"
        assert main(["generate", *map(str, arguments), "--to", str(to)]) == 2
        said = capsys.readouterr().err.strip()
        assert message in said and len(said.splitlines()) == 1, said
        assert not to.exists()
