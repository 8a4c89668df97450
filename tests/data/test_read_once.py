"""A data set is read once, shared, read anew when its files change, and kept no longer than memory allows."""

import gc
import os
import subprocess
import threading
import time
import weakref

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import DataSpec, LabelledImages, idx, load, load_test, npz, read_listing, read_once, test_part

part_of_test = test_part  # not a test
del test_part


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(read_once, "_kept", {})
    monkeypatch.setattr(read_once, "_used_last", type(read_once._used_last)())


@pytest.fixture
def reads(monkeypatch):
    """What was read from files, one entry for each part."""
    found = []

    def counting(read):
        return lambda *arguments, **options: found.append(arguments) or read(*arguments, **options)

    for module, name in ((idx, "read_idx_folder"), (npz, "_read"), (read_listing, "decode")):
        monkeypatch.setattr(module, name, counting(getattr(module, name)))
    return found


def settle(folder):
    """Wait until a change of the files in a folder would show in their times."""
    while read_once.state_of(folder) is None:
        time.sleep(0.02)


def test_the_same_arguments_give_the_same_object(reads):
    first = load("mnist", "valid")
    assert load(DataSpec("mnist"), "valid") is first and len(reads) == 1
    load("mnist", "train"), load("mnist", "train", class_name="5"), load("mnist", "train", classes=["1"], per_class=9)
    assert len(reads) == 1  # all of them lie in the same files
    assert load_test("mnist").fingerprint() == load("mnist", "test").fingerprint() == part_of_test("mnist").fingerprint()
    assert len(reads) == 2
    assert load("mnist", "valid", image_size=14) is not first


@pytest.fixture
def pictures(other_project, rng):
    folder = other_project / "set"
    for i in range(12):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).save(folder / "ab"[i % 2] / f"{i}.png")
    settle(folder)
    return folder


def edited(folder):
    path = folder / "a" / "0.png"
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)


def added(folder):
    Image.fromarray(np.zeros((6, 6), np.uint8)).save(folder / "a" / "new.png")


def removed(folder):
    (folder / "b" / "1.png").unlink()


def renamed(folder):
    (folder / "b").rename(folder / "c")


@pytest.mark.parametrize("change", [edited, added, removed, renamed])
def test_a_changed_folder_is_read_anew(pictures, reads, change):
    first = load("set")
    assert load("set") is first and len(reads) == 1
    change(pictures)
    again = load("set")
    assert again is not first and len(reads) == 2 and again.fingerprint() != first.fingerprint()


def test_a_change_within_the_resolution_of_times_is_seen(other_project, reads):
    """Files that have just been written are not kept: another change might leave their times as they are."""
    for value in (10, 200):
        np.savez("d.npz", images=np.full((12, 4, 4), value, np.uint8), labels=np.arange(12) % 2)
        os.utime("d.npz", ns=(time.time_ns(),) * 2)
        assert load("d.npz", window=(0, 255)).images.max() == value


def test_the_files_that_a_list_names_count(pictures, reads, tmp_path, other_project):
    (other_project / "output").mkdir()  # the cache in it is hidden, and does not count
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{file} {file.parent.name}\n" for file in sorted(pictures.rglob("*.png"))))
    settle(tmp_path)
    first = load_test(path)
    assert load_test(path) is first and len(reads) == 1
    edited(pictures)
    assert load_test(path).fingerprint() != first.fingerprint() and len(reads) == 2


def test_files_that_a_list_names_elsewhere_are_looked_at_each_time(pictures, tmp_path):
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "list.txt"
    path.write_text("".join(f"{file} {file.parent.name}\n" for file in sorted(pictures.rglob("*.png"))))
    settle(path.parent)
    first = load_test(path)
    edited(pictures)
    assert load_test(path).fingerprint() != first.fingerprint()


def test_another_place_of_the_same_name_is_another_set(pictures, other_project, monkeypatch):
    first = load("set")
    (other_project / "elsewhere").mkdir()
    for folder in ("a", "b"):
        os.rename(pictures / folder, other_project / "elsewhere" / folder)
    edited(other_project / "elsewhere")
    found = load(DataSpec("set", place=str(other_project / "elsewhere")))
    assert found.fingerprint() != first.fingerprint() and found.source == first.source


def test_a_large_set_is_kept_only_while_it_is_used(pictures, reads, monkeypatch):
    monkeypatch.setattr(read_once, "ROOM", 12 * 36 - 1)
    first = load_test("set")
    assert load_test("set") is first and len(reads) == 1
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
    load_test("set")


def test_what_was_used_last_stays_in_a_bounded_memory(other_project, monkeypatch):
    monkeypatch.setattr(read_once, "ROOM", 3 * 12 * 16)
    for i in range(6):
        np.savez(f"{i}.npz", images=np.full((12, 4, 4), i, np.uint8), labels=np.arange(12) % 2)
    settle(other_project)
    kept = [weakref.ref(load_test(DataSpec(f"{i}.npz", window=(0, 255)))) for i in range(6)]
    gc.collect()
    assert [data() is not None for data in kept] == [False] * 3 + [True] * 3
    assert len(read_once._kept) <= 8  # of sets that are gone nothing is left but what the next one clears away


def test_views_of_one_array_count_once():
    whole = LabelledImages(np.zeros((10, 1, 4, 4), np.uint8), np.zeros(10, np.int64), ("a",), "")
    assert read_once._size([whole, whole.subset(slice(0, 5)), whole.subset(slice(5, 10))]) == 160


def test_threads_read_a_set_once(pictures, reads):
    found = []
    threads = [threading.Thread(target=lambda: found.append(load("set"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1 and len({id(data) for data in found}) == 1


def test_a_folder_of_too_many_files_is_read_each_time(pictures, reads, monkeypatch):
    monkeypatch.setattr(read_once, "MOST_FILES", 10)
    assert load("set") is not load("set")


def test_a_circle_of_links_ends(pictures, monkeypatch):
    monkeypatch.setattr(read_once, "MOST_FILES", 1000)
    for name in ("one", "two"):
        os.symlink(pictures, pictures / "a" / name)
    assert read_once.state_of(pictures) is None


def test_a_tower_of_folders_is_looked_through(tmp_path, monkeypatch):
    """More folders within one another than Python calls functions within one another."""
    monkeypatch.setattr(read_once, "UNSURE", 0)
    monkeypatch.setattr(read_once, "UNSURE_IF_COARSE", 0)
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    try:
        os.chdir(tmp_path)
        low = read_once.state_of(tmp_path)
        assert len(list(read_once._entries(str(tmp_path)))) == 1500 and low == read_once.state_of(tmp_path)
        (tmp_path / "file").write_bytes(b"")
        assert read_once.state_of(tmp_path) != low
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # shutil cannot
