"""Several processes make the set that one makes, file by file."""

import pytest
from several_processes import ended, start


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("wanted", [["--per-class", 1100], ["--per-class", 30, "--format", "npz"]])
def test_two_processes_make_the_files_of_one(cli, tiny, tmp_path, wanted):
    arguments = ["generate", tiny["conditional"], "--seed", 4, *wanted]
    cli(*arguments, "--to", tmp_path / "one")
    done = ended(start(2, "-m", "paddle_gan_aug", *arguments, "--to", tmp_path / "two"))
    assert [code for code, _, _ in done] == [0, 0], done
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert one == two and len(one) > 3
