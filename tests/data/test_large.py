"""Data that need not fit into the memory gives the same as data in memory, and a cache costs time at the worst."""

import gc
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug import files
from paddle_gan_aug.data import (
    Batches,
    LabelledImages,
    cache,
    check_overlap,
    load,
    load_test,
    notices,
    read_image_set,
    read_once,
    write_idx,
)
from paddle_gan_aug.data.few_labels import without_labels
from paddle_gan_aug.data.file_list import FileList, file_list
from paddle_gan_aug.data.idx import idx_file_names
from paddle_gan_aug.data.images import concatenate
from paddle_gan_aug.data.listing import natural
from paddle_gan_aug.data.overlap import hashes, near, repeated
from paddle_gan_aug.data.rows import Rows, contiguous, joined, rows
from paddle_gan_aug.data.spec import DataSpec
from paddle_gan_aug.errors import InputError

COUNT = 1200


def forget():
    """Let everything be read from its files again."""
    read_once._kept.clear()
    read_once._used_last.clear()
    notices._printed.clear()


@pytest.fixture
def tiny(other_project, monkeypatch):
    """A function that lets arrays above some bytes lie on the disk."""

    def limit(size=10_000, few=100):
        forget()
        cache.clear()
        monkeypatch.setattr(cache, "LARGE", size)
        monkeypatch.setattr(cache, "SMALL", 100)
        monkeypatch.setattr("paddle_gan_aug.data.file_list.FEW", few)

    yield limit
    forget()


@pytest.fixture
def kept(other_project):
    return other_project / "output" / ".cache"


@pytest.fixture
def digits(mnist_train):
    return mnist_train.subset(slice(0, COUNT))


def pictures(digits, other_project, suffix=""):
    for i, (image, label) in enumerate(zip(digits.images, digits.labels)):
        (other_project / "set" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(other_project / "set" / str(label) / f"{i}.png")
    return "set"


def array(digits, other_project):
    np.savez("x.npz", images=digits.images, labels=digits.labels)
    return "x.npz"


def array_of_colours(digits, other_project):
    np.savez_compressed("x.npz", images=np.repeat(digits.images, 3, axis=1).transpose(0, 2, 3, 1), labels=digits.labels)
    return "x.npz"


def array_of_fractions(digits, other_project):
    np.savez("x.npz", images=np.asfortranarray(digits.images.astype(np.float32) / 255), labels=digits.labels)
    return "x.npz"


def idx(digits, other_project, suffix=""):
    (other_project / "idx").mkdir()
    for name, values in zip(idx_file_names("train"), (digits.images[:, 0], digits.labels.astype(np.uint8))):
        write_idx(other_project / "idx" / f"{name}{suffix}", values)
    return "idx"


def packed_idx(digits, other_project):
    return idx(digits, other_project, ".gz")


def list_file(digits, other_project):
    pictures(digits, other_project)
    lines = [f"set/{label}/{i}.png {label}\n" for i, label in enumerate(digits.labels)]
    (other_project / "list.txt").write_text("".join(lines))
    return "list.txt"


KINDS = [pictures, array, array_of_colours, array_of_fractions, idx, packed_idx, list_file]


def is_mapped(array):
    array = array.source if isinstance(array, Rows) else array
    while isinstance(array.base, np.ndarray):
        array = array.base
    return isinstance(array, np.memmap)


@pytest.mark.parametrize("write", KINDS)
def test_mapped_data_is_the_data_in_memory(digits, other_project, kept, tiny, write):
    source = write(digits, other_project)
    held = {part: load(source, part) for part in ("train", "valid")}
    held["all"] = load(source, split="full")
    assert not any(is_mapped(part.images) for part in held.values()) and not list(kept.glob("*/content.json"))
    batches = [Batches(held["train"], 64, lambda epoch: np.random.default_rng(epoch), pairs=True).batch(step) for step in (0, 7, 40)]
    tiny()
    for _ in range(2):  # made, then from the cache
        found = {part: load(source, part) for part in ("train", "valid")}
        found["all"] = load(source, split="full")
        for name, images in found.items():
            assert is_mapped(images.images) and len(images) == len(held[name])
            assert images.fingerprint() == held[name].fingerprint() and images.counts().tolist() == held[name].counts().tolist()
            assert (np.asarray(images.images) == held[name].images).all() and images.labels.tolist() == held[name].labels.tolist()
            assert images.files == held[name].files
        for step, wanted in zip((0, 7, 40), batches):
            batch = Batches(found["train"], 64, lambda epoch: np.random.default_rng(epoch), pairs=True).batch(step)
            assert (batch.images == wanted.images).all() and (batch.partners == wanted.partners).all()
            assert batch.labels.tolist() == wanted.labels.tolist()
        forget()


def test_parts_of_mapped_data(digits, other_project, tiny):
    pictures(digits, other_project)
    wanted = {name: load("set", **options) for name, options in OPTIONS.items()}
    tiny()
    for name, options in OPTIONS.items():
        found = load("set", **options)
        assert found.fingerprint() == wanted[name].fingerprint() and found.source == wanted[name].source
        assert found.files == wanted[name].files
    assert is_mapped(load("set").images) and not is_mapped(load("set", per_class=1).images)


OPTIONS = {
    "a class": {"class_name": "3"},
    "some": {"classes": ["1", "7"], "per_class": 40},
    "labels": {"labels": 300, "seed": 3},
    "small": {"image_size": 14},
    "colour": {"channels": 3},
}


def test_images_of_a_large_set_are_read_and_named(digits, other_project, tiny):
    pictures(digits, other_project)
    held, spec = read_image_set("set", DataSpec("set")), DataSpec("set")
    tiny()
    found = read_image_set("set", spec)
    assert (found.images == held.images).all() and found.names == held.names and found.labels.tolist() == held.labels.tolist()
    assert held.names[0] == "0/1.png" and isinstance(found.names, FileList)
    array(digits, other_project)
    assert list(read_image_set("x.npz", spec).names[3:5]) == ["x.npz:3", "x.npz:4"]


def test_overlap_of_large_sets(digits, tiny):
    others = np.concatenate([digits.images[::-1][:30], digits.images[:5] // 2, digits.images[:1]])
    before = repeated(others, digits.images), near(others[30:], digits.images)
    assert before[0].sum() == 31 and before[1].all()
    tiny()
    large = rows(digits.images, np.arange(COUNT))
    assert isinstance(large, Rows) and (repeated(others, large) == before[0]).all() and (near(others[30:], large) == before[1]).all()
    assert len(np.unique(hashes(large))) == len({image.tobytes() for image in digits.images})
    train = digits.subset(np.arange(1000))
    with pytest.raises(InputError, match="200 of the 400 test images"):
        check_overlap(train, digits.subset(np.arange(800, 1200)))


# ---- rows ----------------------------------------------------------------------------------------------------------------------


def test_rows_are_what_an_array_gives(rng, tiny):
    source = rng.integers(0, 256, (500, 3, 4, 4), dtype=np.uint8)
    places = rng.permutation(500)[:400]
    tiny(1000)
    found, wanted = rows(source, places), source[places]
    assert isinstance(found, Rows) and found.shape == wanted.shape and found.nbytes == wanted.nbytes and found.dtype == np.uint8
    for key in (3, -1, slice(0, 5), [4, -2, 4], np.arange(400) % 7 == 0, slice(None, None, 3), (slice(None), 0), (5, 1), np.zeros(0, int)):
        assert np.array_equal(np.asarray(found[key]), wanted[key]), key
    assert isinstance(found[::2], Rows) and isinstance(found[:5], np.ndarray) and isinstance(found[np.arange(300)], Rows)
    assert (found.min(), found.max(), found[::2].max()) == (wanted.min(), wanted.max(), wanted[::2].max())
    assert np.array_equal(found.max(axis=0), wanted.max(0)) and np.array_equal(found == wanted[0], wanted == wanted[0])
    assert np.array_equal(found.transpose(0, 2, 3, 1), wanted.transpose(0, 2, 3, 1)) and (found + 1).dtype == np.uint8
    assert sum(1 for _ in found) == 400 and all(map(np.array_equal, found, wanted))
    with pytest.raises(IndexError):
        rows(source, np.arange(501))
    whole = joined(found, source)
    assert is_mapped(whole) and np.array_equal(whole, np.concatenate([wanted, source]))
    assert np.array_equal(contiguous(source.transpose(0, 2, 3, 1)), source.transpose(0, 2, 3, 1))


def test_sets_of_rows_are_joined_and_saved(digits, other_project, tiny, tmp_path):
    wanted = concatenate(digits.subset(np.arange(0, 900, 2)), digits.subset(np.arange(1, 900, 2))).fingerprint()
    tiny()
    whole = concatenate(digits.subset(np.arange(0, 900, 2)), digits.subset(np.arange(1, 900, 2)))
    assert whole.fingerprint() == wanted and is_mapped(whole.images)
    assert without_labels(digits.subset(np.arange(500)).images, "x").counts().tolist() == [500]
    folder = digits.subset(np.arange(400)).save(tmp_path / "written")
    assert load_test(folder).fingerprint() == load_test(folder).fingerprint()
    with pytest.raises(ValueError, match="counts|images but"):
        LabelledImages(rows(digits.images, np.arange(500)), digits.labels[:4], digits.class_names, "x")


def test_many_files_are_listed_in_little_memory(tmp_path):
    names = [f"{i % 3}/{'ü' * (i % 5)}{i}.png" for i in range(25_000)] + [os.fsdecode(b"0/\xd5.png")]
    files = file_list(tmp_path, iter(names))
    assert isinstance(files, FileList) and len(files) == 25_001 and list(files.names) == names
    assert [files[0], files[-1], files[24_999]] == [tmp_path / names[0], tmp_path / names[-1], tmp_path / names[24_999]]
    places = np.array([7, 3, 24_000])
    assert files[places] == [tmp_path / names[i] for i in places] and files[places].names[2] == names[24_000]
    assert files[10:13] == [tmp_path / name for name in names[10:13]] and files[np.arange(25_001) % 5000 == 1].names[1] == names[5001]
    assert file_list(tmp_path, names[:3]) == [tmp_path / name for name in names[:3]]
    with pytest.raises(IndexError):
        files[25_001]


def old_natural(name):
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    return [(0, int(piece), "") if piece.isdecimal() and len(piece) < 1000 else (1, 0, piece) for piece in pieces], name


def test_the_natural_order_of_names(rng):
    signs = list("0129ab.-_Zü")
    names = ["".join(rng.choice(signs, rng.integers(1, 8))) for _ in range(3000)] + ["", "1" * 1200, "1" * 999, "٣", "3", "03", "a\0b"]
    assert sorted(names, key=natural) == sorted(names, key=old_natural)
    assert sorted(["b10", "b2", "10", "2", "b02"], key=natural) == ["2", "10", "b02", "b2", "b10"]


# ---- the cache -----------------------------------------------------------------------------------------------------------------


def made(calls, size=3000):
    def make(allocate):
        values = allocate((size, 4), np.uint8)
        values[:] = np.arange(size)[:, None] % 251
        calls.append(1)
        return {"values": values[: size - 1], "few": np.arange(5)}

    return make


@pytest.mark.parametrize("size", [10, 3000])
def test_what_is_kept_is_made_once(kept, tiny, size):
    tiny(4000)
    calls = []
    for _ in range(3):
        found = cache.kept("npz-x", made(calls, size))
        assert np.array_equal(found["values"], np.arange(size - 1)[:, None].repeat(4, 1) % 251) and found["few"].tolist() == [0, 1, 2, 3, 4]
    assert calls == [1] and is_mapped(found["values"]) == (size == 3000)
    assert [path.name for path in kept.iterdir()] == ["npz-x" if size == 3000 else "npz-x.npz"]


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flipped(path):
    with open(path, "r+b") as file:
        file.seek(4000)
        byte = file.read(1)
        file.seek(4000)
        file.write(bytes([byte[0] ^ 1]))


def gone(path):
    path.unlink()


@pytest.mark.parametrize("damage", [cut, flipped, gone])
@pytest.mark.parametrize("name", ["values.npy", "content.json"])
def test_a_damaged_cache_is_made_again(kept, tiny, capsys, damage, name):
    tiny(4000)
    calls = []
    cache.kept("npz-x", made(calls))
    if (name, damage) == ("content.json", flipped):
        (kept / "npz-x" / name).write_text('{"values": 3}')
    else:
        damage(kept / "npz-x" / name)
    assert len(cache.kept("npz-x", made(calls))["values"]) == 2999 and calls == [1, 1]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "npz-x cannot be used (damaged, or not whole): it is made again" in lines[0]
    cache.kept("npz-x", made(calls))
    assert calls == [1, 1]


def test_a_cache_that_goes_while_it_is_used(digits, other_project, kept, tiny):
    pictures(digits, other_project)
    tiny()
    data = load("set")
    wanted = LabelledImages(np.array(data.images), data.labels, data.class_names, "").fingerprint()
    assert [row.path.name.split("-")[0] for row in cache.clear()] == ["pictures"] and not list(kept.iterdir())
    assert data.fingerprint() == wanted
    forget()
    assert load("set").fingerprint() == wanted and len(cache.entries()) == 1


def test_a_cache_that_goes_while_it_is_made(kept, tiny):
    tiny(4000)

    def make(allocate):
        found = made([])(allocate)
        cache.clear()
        return found

    assert len(cache.kept("npz-x", make)["values"]) == 2999 and cache.entries() == []


def no_room(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_costs_memory_and_one_line(digits, other_project, kept, tiny, monkeypatch, capsys):
    pictures(digits, other_project)
    wanted = load("set").fingerprint()
    cache.clear()
    tiny()
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


def test_a_cache_that_cannot_be_written(digits, other_project, tiny, monkeypatch, capsys):
    pictures(digits, other_project)
    wanted = load("set").fingerprint()
    (other_project / "file").write_text("")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(other_project / "file" / "cache"))
    tiny()
    assert load("set").fingerprint() == wanted and not is_mapped(load("set").images)
    assert len(capsys.readouterr().err.splitlines()) >= 1


def test_the_cache_lies_where_it_is_asked_for(digits, other_project, monkeypatch):
    assert files.cache_folder() == files.project_root() / "output" / ".cache"
    monkeypatch.setattr(files, "_chosen_cache", None)
    files.use_cache("~/somewhere")
    assert files.cache_folder() == Path.home() / "somewhere"
    files.use_cache(None)
    assert files.cache_folder() == Path.home() / "somewhere"
    monkeypatch.setenv(files.CACHE_VARIABLE, "here")
    assert files.cache_folder() == other_project / "here"
    pictures(digits.subset(slice(0, 60)), other_project)
    load("set")
    assert [path.suffix for path in (other_project / "here").iterdir()] == [".npz"] and not (other_project / "output").exists()


def test_clearing_leaves_what_is_not_ours(kept):
    kept.mkdir(parents=True)
    for name in ("letter.txt", "pictures-1.npz", ".npz-2.lock"):
        (kept / name).write_text("x")
    (kept / ".idx-1.part").mkdir()
    assert sorted(row.path.name for row in cache.clear()) == [".idx-1.part", ".npz-2.lock", "pictures-1.npz"]
    assert [path.name for path in kept.iterdir()] == ["letter.txt"]


def test_threads_make_one_entry_once(kept, tiny):
    tiny(4000)
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


def test_two_processes_at_once_decode_once(digits, other_project, kept):
    pictures(digits, other_project)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    options = {"stdout": subprocess.PIPE, "text": True, "env": environment, "cwd": other_project}
    children = [subprocess.Popen([sys.executable, "-c", CHILD], **options) for _ in range(3)]
    found = [child.communicate(timeout=120)[0].split() for child in children]
    assert sorted(calls for _, calls in found) == ["0", "0", "1"] and {digest for digest, _ in found} == {load("set").fingerprint()}
    assert len(cache.entries()) == 1


def test_a_damaged_npz_is_refused_mapped_or_not(digits, other_project, tiny):
    array(digits, other_project)
    flipped(other_project / "x.npz")
    for _ in range(2):
        with pytest.raises(InputError, match="x.npz cannot be read as an .npz file") as refused:
            load("x.npz")
        assert "\n" not in str(refused.value)
        tiny()
    np.savez_compressed("x.npz", images=digits.images, labels=digits.labels)
    flipped(other_project / "x.npz")
    with pytest.raises(InputError, match="x.npz cannot be read as an .npz file"):
        load("x.npz")
    assert all(row.path.suffix == ".npz" and row.bytes < 20_000 for row in cache.entries())  # the labels alone


@pytest.mark.parametrize("write", [idx, packed_idx])
def test_a_damaged_idx_file_is_refused_mapped_or_not(digits, other_project, tiny, write):
    write(digits, other_project)
    path = next((other_project / "idx").glob("train-images*"))
    cut(path)
    messages = []
    for _ in range(2):
        with pytest.raises(InputError, match="truncated") as refused:
            load("idx")
        messages.append(str(refused.value))
        tiny()
    assert messages[0] == messages[1] and cache.entries() == []


# ---- memory --------------------------------------------------------------------------------------------------------------------

READER = """
import sys, threading
from pathlib import Path
import numpy as np
from paddle_gan_aug.data import Batches, cache, load

def held():
    return int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")))

load("small.npz", "train").fingerprint()
before, peak, ended = held(), 0, threading.Event()
def watch():
    global peak
    while not ended.wait(0.002):
        peak = max(peak, held())
watcher = threading.Thread(target=watch)
watcher.start()
train, valid = load(sys.argv[1], "train"), load(sys.argv[1], "valid")
train.fingerprint(), valid.fingerprint(), train.counts()
batches = Batches(train, 64, lambda epoch: np.random.default_rng(epoch))
for step in range(50):
    batches.batch(step)
ended.set()
watcher.join()
print(peak - before, train.images.nbytes // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="anonymous memory is told by Linux alone")
@pytest.mark.parametrize("compressed", [False, True])
def test_no_copy_of_a_large_set_is_held_in_memory(other_project, mnist_train, compressed):
    images = np.concatenate([mnist_train.images] * 2)[:90_000]
    labels = np.concatenate([mnist_train.labels] * 2)[:90_000]
    np.savez("small.npz", images=images[:1000], labels=labels[:1000])
    (np.savez_compressed if compressed else np.savez)("large.npz", images=images, labels=labels)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", READER, "large.npz"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=other_project, timeout=300)
    assert done.returncode == 0, done.stderr
    grown, size = map(int, done.stdout.split())
    assert size > 57_000 and grown < size // 2  # kB: labels, orders, pieces, and what the allocator keeps of them
