"""What is kept on the disk is made once, costs time at the worst, and may be damaged, deleted or used by others at any time."""

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from large_sets import array, cut, flipped, forget, gone, idx, is_mapped, packed_idx, pictures

from paddle_gan_aug import files
from paddle_gan_aug.data import LabelledImages, cache, load
from paddle_gan_aug.errors import InputError


def made(calls, size=3000):
    def make(allocate):
        values = allocate((size, 4), np.uint8)
        values[:] = np.arange(size)[:, None] % 251
        calls.append(1)
        return {"values": values[: size - 1], "few": np.arange(5)}

    return make


@pytest.mark.parametrize("size", [10, 3000])
def test_what_is_kept_is_made_once(kept, limit, size):
    limit(4000)
    calls = []
    for _ in range(3):
        found = cache.kept("npz-x", made(calls, size))
        assert np.array_equal(found["values"], np.arange(size - 1)[:, None].repeat(4, 1) % 251) and found["few"].tolist() == [0, 1, 2, 3, 4]
    assert calls == [1] and is_mapped(found["values"]) == (size == 3000)
    assert [path.name for path in kept.iterdir()] == ["npz-x" if size == 3000 else "npz-x.npz"]


def nested(path):
    path.write_text("[" * 100_000)


@pytest.mark.parametrize("damage", [cut, flipped, gone, nested])
@pytest.mark.parametrize("name", ["*-0.npy", "*-few.npy", "content.json"])
def test_a_damaged_cache_is_made_again(kept, limit, capsys, damage, name):
    limit(4000)
    calls = []
    cache.kept("npz-x", made(calls))
    (path,) = (kept / "npz-x").glob(name)
    if (name, damage) == ("content.json", flipped):
        path.write_text('{"values": 3}')
    else:
        damage(path)
    assert len(cache.kept("npz-x", made(calls))["values"]) == 2999 and calls == [1, 1]
    lines = capsys.readouterr().err.splitlines()
    if (name, damage) == ("content.json", gone):  # as while another process makes it
        assert lines == []
    else:
        assert len(lines) == 1 and "npz-x cannot be used (damaged, or not whole): it is made again" in lines[0]
    cache.kept("npz-x", made(calls))
    assert calls == [1, 1]


def test_a_cache_that_goes_while_it_is_used(some_digits, other_project, kept, limit):
    pictures(some_digits, other_project)
    limit()
    data = load("set")
    wanted = LabelledImages(np.array(data.images), data.labels, data.class_names, "").fingerprint()
    assert [row.path.name.split("-")[0] for row in cache.clear()] == ["pictures"] and not list(kept.iterdir())
    assert data.fingerprint() == wanted
    forget()
    assert load("set").fingerprint() == wanted and len(cache.entries()) == 1


def test_a_cache_that_goes_while_it_is_made(kept, limit):
    limit(4000)

    def make(allocate):
        found = made([])(allocate)
        cache.clear()
        return found

    assert len(cache.kept("npz-x", make)["values"]) == 2999 and cache.entries() == []


IN_STEP = """
import sys, time
from pathlib import Path
import numpy as np
from paddle_gan_aug.data import cache

me, other, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
cache.LARGE, cache.SMALL = 1000, 10

def say(word):
    (folder / f"{me} {word}").touch()

def wait(word):
    end = time.monotonic() + 60
    while not (folder / f"{other} {word}").exists() and time.monotonic() < end:
        time.sleep(0.01)

def make(allocate):
    arrays = {}
    for name, value in (("a", 1), ("b", 2)):
        arrays[name] = allocate((4000,), np.uint8)
        arrays[name][:] = value
        say(name)
        wait(name)
    return arrays

found = cache.kept("npz-x", make)
print([int(found[name].sum()) for name in "ab"], *(path.name for path in (folder / f"{me} {word}" for word in "ab") if path.exists()))
"""


def test_two_processes_that_make_the_same_at_once_both_end_right(kept, tmp_path):
    """As where the cache is cleared while the first one makes it: nothing keeps the second out."""
    here = Path(files.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(here), files.CACHE_VARIABLE: str(kept)}
    with contextlib.ExitStack() as stack:
        started = []
        for me, other in (("1", "2"), ("2", "1")):
            command = [sys.executable, "-c", IN_STEP, me, other, str(tmp_path)]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started.append(stack.enter_context(process))
            while me == "1" and not (tmp_path / "1 a").exists():
                assert process.poll() is None
                time.sleep(0.01)
            (kept / ".npz-x.lock").unlink(missing_ok=True)
        told = [process.communicate(timeout=300) for process in started]
    assert [out.strip() for out, _ in told] == ["[4000, 8000] 1 a 1 b", "[4000, 8000] 2 a 2 b"]
    assert [path.name for path in kept.iterdir()] == ["npz-x"] and [err for _, err in told] == ["", ""]
    found = cache.kept("npz-x", lambda allocate: pytest.fail("it is kept"))
    assert [int(found[name].sum()) for name in "ab"] == [4000, 8000]


@pytest.fixture
def as_windows(monkeypatch):
    """Files that are mapped can be neither renamed nor removed, nor can their folders."""

    def refusing(call):
        def asked(path, *rest, **options):
            mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
            if any(f"/{name}".endswith(f"/{path}") or name.startswith(f"{path}/") for name in mapped):  # rmtree gives a name alone
                raise PermissionError(13, "The process cannot access the file because it is being used by another process", str(path))
            return call(path, *rest, **options)

        return asked

    for name in ("rename", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not say what is mapped")
def test_a_mapped_cache_where_files_in_use_cannot_be_moved(kept, limit, capsys, as_windows):
    limit(4000)
    calls, held = [], []
    for _ in range(2):
        held.append(cache.kept("npz-x", made(calls)))
        assert is_mapped(held[-1]["values"]) and len(held[-1]["values"]) == 2999
    assert calls == [1] and capsys.readouterr().err == ""
    with pytest.raises(PermissionError, match="used by another process"):
        cache.clear()
    for _ in range(2):
        found = cache.kept("npz-x", made(calls))
        assert len(found["values"]) == 2999 and found["few"].tolist() == [0, 1, 2, 3, 4]
    assert len(calls) <= 2, "if what is left is not whole, it is made again once"


def no_room(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_costs_memory_and_one_line(some_digits, other_project, kept, limit, monkeypatch, capsys):
    pictures(some_digits, other_project)
    wanted = load("set").fingerprint()
    cache.clear()
    limit()
    monkeypatch.setattr(cache, "_reserve", no_room)
    data = load("set")
    assert data.fingerprint() == wanted and not is_mapped(data.images)
    lines = [line for line in capsys.readouterr().err.splitlines() if "cannot be kept" in line]
    assert len(lines) == 1 and "(No space left on device): they are held in memory; name a folder with room: runtime.cache" in lines[0]
    monkeypatch.setattr(cache, "_memory", lambda: 500_000)
    forget(), gc.collect()
    cure = "too much for the memory: name a folder with room: runtime.cache, or the variable PADDLE_GAN_AUG_CACHE"
    with pytest.raises(InputError, match=cure) as refused:
        load("set")
    assert "\n" not in str(refused.value)
    assert not [path for path in kept.iterdir() if path.name.endswith(".part")]


def test_a_cache_that_cannot_be_written(some_digits, other_project, limit, monkeypatch, capsys):
    pictures(some_digits, other_project)
    wanted = load("set").fingerprint()
    (other_project / "file").write_text("")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(other_project / "file" / "cache"))
    limit()
    assert load("set").fingerprint() == wanted and not is_mapped(load("set").images)
    forget()
    assert load("set").fingerprint() == wanted
    lines = [line for line in capsys.readouterr().err.splitlines() if "cannot be written" in line]
    cure = "what it would keep is made again each time; name a folder that can be: runtime.cache, or the variable PADDLE_GAN_AUG_CACHE"
    cause = "Not a directory" if os.name == "posix" else lines[0].partition("(")[2].partition(")")[0]
    assert set(lines) == {f"the cache {other_project / 'file' / 'cache'} cannot be written ({cause}): {cure}"}


def test_the_cache_lies_where_it_is_asked_for(some_digits, other_project, monkeypatch):
    assert files.cache_folder() == files.project_root() / "output" / ".cache"
    monkeypatch.setattr(files, "_chosen_cache", None)
    files.use_cache("~/somewhere")
    assert files.cache_folder() == Path.home() / "somewhere"
    files.use_cache(None)
    assert files.cache_folder() == Path.home() / "somewhere"
    monkeypatch.setenv(files.CACHE_VARIABLE, "here")
    assert files.cache_folder() == other_project / "here"
    pictures(some_digits.subset(slice(0, 60)), other_project)
    load("set")
    assert [path.suffix for path in (other_project / "here").iterdir()] == [".npz"] and not (other_project / "output").exists()


def test_clearing_leaves_what_is_not_ours(kept):
    kept.mkdir(parents=True)
    for name in ("letter.txt", "pictures-1.npz", ".npz-2.lock"):
        (kept / name).write_text("x")
    (kept / ".idx-1.part").mkdir()
    assert sorted(row.path.name for row in cache.clear()) == [".idx-1.part", ".npz-2.lock", "pictures-1.npz"]
    assert [path.name for path in kept.iterdir()] == ["letter.txt"]


def test_threads_make_one_entry_once(kept, limit):
    limit(4000)
    calls, found = [], []
    threads = [threading.Thread(target=lambda: found.append(cache.kept("npz-x", made(calls)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1] and len(found) == 6 and all(len(each["values"]) == 2999 for each in found)


CHILD = """
import sys
from paddle_gan_aug.data import cache, load, read_listing
cache.LARGE = 10_000
calls, decode = [], read_listing.decode
read_listing.decode = lambda *given, **options: calls.append(1) or decode(*given, **options)
print(load("set").fingerprint(), len(calls))
"""


def test_two_processes_at_once_decode_once(some_digits, other_project, kept):
    pictures(some_digits, other_project)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    options = {"stdout": subprocess.PIPE, "text": True, "env": environment, "cwd": other_project}
    children = [subprocess.Popen([sys.executable, "-c", CHILD], **options) for _ in range(3)]
    found = [child.communicate(timeout=300)[0].split() for child in children]
    assert sorted(calls for _, calls in found) == ["0", "0", "1"] and {digest for digest, _ in found} == {load("set").fingerprint()}
    assert len(cache.entries()) == 1


def test_a_damaged_npz_is_refused_mapped_or_not(some_digits, other_project, limit):
    array(some_digits, other_project)
    flipped(other_project / "x.npz")
    for _ in range(2):
        with pytest.raises(InputError, match="x.npz cannot be read as an .npz file") as refused:
            load("x.npz")
        assert "\n" not in str(refused.value)
        limit()
    np.savez_compressed("x.npz", images=some_digits.images, labels=some_digits.labels)
    flipped(other_project / "x.npz")
    with pytest.raises(InputError, match="x.npz cannot be read as an .npz file"):
        load("x.npz")
    assert all(row.path.suffix == ".npz" and row.bytes < 20_000 for row in cache.entries())  # the labels alone


@pytest.mark.parametrize("write", [idx, packed_idx])
def test_a_damaged_idx_file_is_refused_mapped_or_not(some_digits, other_project, limit, write):
    write(some_digits, other_project)
    path = next((other_project / "idx").glob("train-images*"))
    cut(path)
    messages = []
    for _ in range(2):
        with pytest.raises(InputError, match="truncated") as refused:
            load("idx")
        messages.append(str(refused.value))
        limit()
    assert messages[0] == messages[1] and cache.entries() == []
