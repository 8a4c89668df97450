"""Data that need not fit into the memory gives the same as data in memory."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from large_sets import KINDS, array, forget, is_mapped, pictures

from paddle_gan_aug.data import Batches, LabelledImages, check_overlap, load, load_test, read_image_set
from paddle_gan_aug.data.few_labels import without_labels
from paddle_gan_aug.data.file_list import FileList, file_list
from paddle_gan_aug.data.images import concatenate
from paddle_gan_aug.data.listing import natural
from paddle_gan_aug.data.overlap import hashes, near, repeated
from paddle_gan_aug.data.rows import Rows, contiguous, joined, rows
from paddle_gan_aug.data.spec import DataSpec
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("write", KINDS)
def test_mapped_data_is_the_data_in_memory(some_digits, other_project, kept, limit, write):
    source = write(some_digits, other_project)
    held = {part: load(source, part) for part in ("train", "valid")}
    held["all"] = load(source, split="full")
    assert not any(is_mapped(part.images) for part in held.values()) and not list(kept.glob("*/content.json"))
    batches = [Batches(held["train"], 64, lambda epoch: np.random.default_rng(epoch), pairs=True).batch(step) for step in (0, 7, 40)]
    limit()
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


def test_parts_of_mapped_data(some_digits, other_project, limit):
    pictures(some_digits, other_project)
    wanted = {name: load("set", **options) for name, options in OPTIONS.items()}
    limit()
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


def test_images_of_a_large_set_are_read_and_named(some_digits, other_project, limit):
    pictures(some_digits, other_project)
    held, spec = read_image_set("set", DataSpec("set")), DataSpec("set")
    limit()
    found = read_image_set("set", spec)
    assert (found.images == held.images).all() and found.names == held.names and found.labels.tolist() == held.labels.tolist()
    assert held.names[0] == "0/1.png" and isinstance(found.names, FileList)
    array(some_digits, other_project)
    assert list(read_image_set("x.npz", spec).names[3:5]) == ["x.npz:3", "x.npz:4"]


def test_overlap_of_large_sets(some_digits, limit):
    others = np.concatenate([some_digits.images[::-1][:30], some_digits.images[:5] // 2, some_digits.images[:1]])
    before = repeated(others, some_digits.images), near(others[30:], some_digits.images)
    assert before[0].sum() == 31 and before[1].all()
    limit()
    large = rows(some_digits.images, np.arange(len(some_digits)))
    assert isinstance(large, Rows) and (repeated(others, large) == before[0]).all() and (near(others[30:], large) == before[1]).all()
    assert len(np.unique(hashes(large))) == len({image.tobytes() for image in some_digits.images})
    train = some_digits.subset(np.arange(1000))
    with pytest.raises(InputError, match="200 of the 400 test images"):
        check_overlap(train, some_digits.subset(np.arange(800, 1200)))


# ---- rows ----------------------------------------------------------------------------------------------------------------------


def test_rows_are_what_an_array_gives(rng, limit):
    source = rng.integers(0, 256, (500, 3, 4, 4), dtype=np.uint8)
    places = rng.permutation(500)[:400]
    limit(1000)
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


def test_sets_of_rows_are_joined_and_saved(some_digits, other_project, limit, tmp_path):
    wanted = concatenate(some_digits.subset(np.arange(0, 900, 2)), some_digits.subset(np.arange(1, 900, 2))).fingerprint()
    limit()
    whole = concatenate(some_digits.subset(np.arange(0, 900, 2)), some_digits.subset(np.arange(1, 900, 2)))
    assert whole.fingerprint() == wanted and is_mapped(whole.images)
    assert without_labels(some_digits.subset(np.arange(500)).images, "x").counts().tolist() == [500]
    folder = some_digits.subset(np.arange(400)).save(tmp_path / "written")
    assert load_test(folder).fingerprint() == load_test(folder).fingerprint()
    with pytest.raises(ValueError, match="counts|images but"):
        LabelledImages(rows(some_digits.images, np.arange(500)), some_digits.labels[:4], some_digits.class_names, "x")


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
