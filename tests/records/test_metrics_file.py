"""metrics.jsonl: its lines, its torn one, and a damaged one."""

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.records.metrics_file import read_metrics
from paddle_gan_aug.records.run_records import Records


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "output" / "first", tmp_path / "log", "first"


def test_metrics_file_keeps_its_lines_and_loses_its_torn_one(folders):
    folders[0].mkdir(parents=True)
    path = folders[0] / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "x": null}\n{"step": 3, "g_lo')
    assert read_metrics(path) == [{"step": 1}, {"step": 2, "x": None}]
    inode = path.stat().st_ino
    with Records(*folders, visualdl=False) as run:
        run.scalars(3, {})
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3]
    assert path.stat().st_ino != inode  # replaced, not overwritten
    inode = path.stat().st_ino
    Records(*folders, visualdl=False, resume_step=3).close()
    assert path.stat().st_ino == inode
    assert not folders[1].exists()
    path.write_text('{"step": 1}\n{"st\n{"step": 2}')
    with pytest.raises(InputError, match="line 2"):
        read_metrics(path)
    Records(*folders, visualdl=False).close()
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]
    assert path.read_text().endswith("\n")
    with pytest.raises(InputError, match="nowhere"):
        read_metrics(folders[0] / "nowhere.jsonl")
