"""Files are written whole or not at all, and found from where the user stands."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import (
    atomic_write,
    check_makeable,
    check_new_folder,
    expanded,
    find_path,
    lock_folder,
    make_folder,
    project_root,
    read_json,
    regular,
    sha256,
    write_json,
)

ROOT = Path(__file__).resolve().parents[1]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_write(path, "w") as file:
        file.write("half")
        raise ZeroDivisionError
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]
    with atomic_write(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_paths_are_found_from_the_current_folder_and_from_the_project(tmp_path, monkeypatch):
    (tmp_path / "project" / "work" / "mnist").mkdir(parents=True)
    (tmp_path / "project" / "output" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "work")
    assert project_root() == tmp_path / "project"
    assert find_path("output/run") == tmp_path / "project" / "output" / "run"
    assert str(find_path("mnist")) == "mnist"
    assert str(find_path("not/there")) == "not/there"
    monkeypatch.chdir(tmp_path)
    assert (project_root() / "work" / "mnist").is_dir()  # beside the package


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(InputError, match="choose another"):
        make_folder("/proc/nothing")
    assert make_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="the system does not say so")
def test_a_folder_says_why_it_cannot_be_written_into(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="Permission denied; choose another or change its permissions"):
        check_makeable(tmp_path / "new")
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(InputError, match="Read-only file system; choose another"):
        check_makeable(tmp_path / "new")


@pytest.mark.parametrize("content, said", [(b"{", "Expecting"), (b"\xff", "codec"), (b"[" * 100_000, "^it is nested too deep$")])
def test_json_that_is_none(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_json(tmp_path / "a.json")
    write_json(tmp_path / "a.json", {"a": ["ü", None]})
    assert read_json(tmp_path / "a.json") == {"a": ["ü", None]}


def test_a_folder_is_new_if_nothing_is_in_it(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    for taken in (tmp_path, tmp_path / "file", tmp_path / "link"):
        with pytest.raises(InputError, match=f"^{taken} is not empty: nothing is overwritten; choose an empty or new folder$"):
            check_new_folder(taken)
    assert check_new_folder(tmp_path / "empty") == tmp_path / "empty"
    assert check_new_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b" and not (tmp_path / "a").exists()
    with pytest.raises(InputError, match="cannot write into folder"):
        check_new_folder(tmp_path / "file" / "b")


LOCKS = """
import os, sys
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import lock_folder
try:
    with lock_folder(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.read()
except InputError as error:
    print(error)
"""


def lock_elsewhere(folder):
    """A process that holds the folder until it is told to end, and what it says at first."""
    command = [sys.executable, "-c", LOCKS, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def end(process):
    process.communicate("")


def test_a_folder_is_held_by_one_process(tmp_path):
    (tmp_path / ".lock").write_text("12345")  # what earlier versions wrote there
    first, said = lock_elsewhere(tmp_path)
    assert said == "held"
    for _ in range(2):
        with pytest.raises(InputError) as refused, lock_folder(tmp_path):
            pass
        number = f"number {first.pid}): wait for it, or stop it"
        assert str(refused.value) == f"{tmp_path} is in use by another process ({number}"
    end(first)
    with lock_folder(tmp_path):
        second, said = lock_elsewhere(tmp_path)
        assert f"number {os.getpid()}" in said
        end(second)
    assert set(os.listdir(tmp_path)) <= {".lock"}


def test_a_lock_ends_with_its_process(tmp_path):
    killed, said = lock_elsewhere(tmp_path)
    assert said == "held"
    killed.kill()
    killed.wait()
    with lock_folder(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_that_ends_does_not_end_the_lock(tmp_path):
    with lock_folder(tmp_path):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / ".lock.pid").read_text() == str(os.getpid())
        other, said = lock_elsewhere(tmp_path)
        assert f"number {os.getpid()}" in said
        end(other)


def test_what_fails_under_a_lock_ends_it(tmp_path):
    with pytest.raises(ZeroDivisionError), lock_folder(tmp_path):
        raise ZeroDivisionError
    with lock_folder(tmp_path):
        pass


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "link", "missing", "x" * 300, ""):  # of the last three, opening says what is wrong
        assert regular(tmp_path / name) == tmp_path / name
    for name in ("zero", "pipe"):
        with pytest.raises(InputError, match=f"^{tmp_path / name} is no file but a device or a pipe: put a copy of the file there$"):
            regular(tmp_path / name)
        with pytest.raises(InputError, match="is no file but a device"):
            sha256(tmp_path / name)


def test_a_tilde_is_the_home_folder_or_part_of_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expanded("~/a") == tmp_path / "a" and expanded(tmp_path / "~") == tmp_path / "~"
    assert expanded("~no such user/a") == Path("~no such user/a") == find_path("~no such user/a")
