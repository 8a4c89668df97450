"""The cache: what is kept is shown and deleted, and lies where the setting or the variable says."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug import files
from paddle_gan_aug.cli.main import main
from paddle_gan_aug.runs.prepare import prepare


def test_what_is_kept_is_shown_and_deleted(tmp_path, monkeypatch, capsys):
    def run(*arguments):
        assert main(["cache", *arguments]) == 0
        return capsys.readouterr().out

    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "kept"))
    assert run() == f"{tmp_path / 'kept'} holds nothing\n"
    (tmp_path / "kept" / "features-x").mkdir(parents=True)
    for name, size in (("pictures-1.npz", 1_500_000), ("features-x/a.safetensors", 200), ("letter.txt", 9)):
        (tmp_path / "kept" / name).write_bytes(bytes(size))
    told = run().splitlines()
    assert told[0] == f"{tmp_path / 'kept'} holds 1.5 MB (--clear deletes them)"
    assert [line.split()[-1] for line in told[1:]] == ["pictures-1.npz", "features-x"]
    found = json.loads(run("--clear", "--json"))
    assert (found["bytes"], found["deleted"], len(found["entries"])) == (1_500_200, True, 2)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["letter.txt"]
    with pytest.raises(SystemExit, match="2"):
        main(["cache", "--empty"])
    assert "unknown arguments: --empty" in capsys.readouterr().err
    assert run("--clear") == f"{tmp_path / 'kept'} holds nothing\n"


def test_a_run_says_where_its_pictures_are_kept(tmp_path, monkeypatch, process):
    monkeypatch.setattr(files, "_chosen_cache", None)
    monkeypatch.chdir(tmp_path)
    for i in range(24):
        (tmp_path / "set" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((28, 28), i, np.uint8)).save(tmp_path / "set" / "ab"[i % 2] / f"{i}.png")
    options = {"data.source": str(tmp_path / "set"), "runtime.cache": str(tmp_path / "kept"), "data.window": [0, 255]}
    prepared = prepare("classic", overrides={**options, "train.batch_size": 4}, output=tmp_path, log=tmp_path, quiet=True)
    assert len(prepared.images) == 20 and [path.name[:9] for path in (tmp_path / "kept").iterdir()] == ["pictures-"]
