"""A set grows in its place: each picture and each row is made once, and an interruption at any moment loses and spoils nothing."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from paddle_gan_aug import Filters, augment_data, generate
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis import augment, data_parts, real_files, sampler, set_folder, writers
from paddle_gan_aug.synthesis.partial_set import PartialSet, read_progress
from paddle_gan_aug.synthesis.real_files import RealPart
from paddle_gan_aug.synthesis.set_folder import SetFolder

NONE = Filters("none")


def tree(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def calls(monkeypatch):
    """How often functions of modules are called: count(module, name) begins to count one, under its name."""
    counts = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counted(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    count.counts = counts
    return count


def test_each_picture_is_encoded_once_and_each_row_serialised_once(tiny, tmp_path, calls):
    calls(writers, "png_bytes"), calls(set_folder, "json_line")
    generate(tiny["digits"], to=tmp_path / "set", quotas={"5": 3, "6": 4}, quiet=True)
    assert calls.counts == {"png_bytes": 7, "json_line": 7}
    calls.counts.clear()
    made = augment_data(to=tmp_path / "out", runs=tiny["conditional"], per_class=52, filters=NONE, quiet=True)
    generated, real = made.table[-1][2], len(list((tmp_path / "out").rglob("real-*.png")))
    assert generated > 0 and real == 700
    assert calls.counts == {"png_bytes": generated + real, "json_line": generated}


def test_each_run_is_opened_once_and_each_part_read_once(tiny, small_mnist, tmp_path, calls):
    calls(sampler, "open_run"), calls(data_parts, "load"), calls(real_files, "load")
    filters = Filters(["contrast"], tiny["classifier"])
    augment_data(str(small_mnist), to=tmp_path / "out", runs=tiny["conditional"], per_class=52, filters=filters, quiet=True)
    assert calls.counts == {"open_run": 1, "load": 3}  # training, validation and test images


class Stop(Exception):
    pass


def stop_before(monkeypatch, owner, name, times=1):
    """Let a function raise `Stop` in the place of its call number `times`."""
    function, count = getattr(owner, name), []

    def stopped(*arguments, **options):
        count.append(1)
        if len(count) == times:
            raise Stop
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, stopped)


@pytest.mark.parametrize(
    "owner, name, times",
    [
        (PartialSet, "note", 1),
        (PartialSet, "note", 3),
        (writers, "png_bytes", 4),
        (RealPart, "write", 1),
        (RealPart, "write", 2),
        (set_folder, "write_lists", 1),
        (set_folder, "atomic_write", 1),
        (SetFolder, "close", 1),
        (augment, "worth", 1),
    ],
)
def test_an_augmentation_that_stops_anywhere_goes_on_to_the_same_files(tiny, tmp_path, monkeypatch, owner, name, times):
    request = {"runs": tiny["conditional"], "per_class": 52, "filters": NONE, "quiet": True}
    augment_data(to=tmp_path / "whole", **request)
    with monkeypatch.context() as patch:
        stop_before(patch, owner, name, times)
        with pytest.raises(Stop):
            augment_data(to=tmp_path / "out", **request)
    if not (tmp_path / "out" / "manifest.jsonl").exists():
        with pytest.raises(InputError, match="not finished"):
            load(str(tmp_path / "out"))
    again = augment_data(to=tmp_path / "out", resume=True, **request)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole") and again.short == {}


@pytest.mark.parametrize("kind", ["generate", "augment"])
def test_a_partial_set_that_is_half_removed_is_complete(tiny, tmp_path, monkeypatch, kind):
    def make(**more):
        if kind == "generate":
            return generate(tiny["digits"], to=tmp_path / "set", quotas={"5": 3}, quiet=True, **more)
        return augment_data(to=tmp_path / "set", runs=tiny["conditional"], per_class=52, filters=NONE, quiet=True, **more)

    with monkeypatch.context() as patch:

        def killed(self):
            (self.folder / "progress.json").unlink()
            raise Stop

        patch.setattr(PartialSet, "remove", killed)
        with pytest.raises(Stop):
            make()
    before = tree(tmp_path / "set")
    make(resume=True)
    after = tree(tmp_path / "set")
    hidden = {name for name in before if name.startswith(".")}
    assert after.keys() == before.keys() - hidden | (after.keys() & {".lock"}) and all(after[name] == before[name] for name in after)


def test_pictures_that_do_not_count_are_removed(tiny, tmp_path, monkeypatch):
    """An interrupted process may have written more pictures of a class than the resumed one makes."""
    monkeypatch.setattr("paddle_gan_aug.synthesis.drawing.CHUNK", 2)
    request = {"quotas": {"5": 6}, "quiet": True}
    generate(tiny["digits"], to=tmp_path / "whole", **request)
    with monkeypatch.context() as patch:
        stop_before(patch, PartialSet, "note", 2)
        with pytest.raises(Stop):
            generate(tiny["digits"], to=tmp_path / "set", **request)
    (tmp_path / "set" / "5" / "000009.png").write_bytes(b"stray")
    (tmp_path / "set" / "5" / "mine.png").write_bytes(b"mine")
    generate(tiny["digits"], to=tmp_path / "set", resume=True, **request)
    assert tree(tmp_path / "set").keys() - tree(tmp_path / "whole").keys() == {"5/mine.png"}


@pytest.mark.parametrize(
    "wish", [{"count": 7}, {"quotas": {"5": 2, "6": 3}}, {"quotas": {"5": 2, "6": 3}, "form": "npz"}, {"per_class": 2, "form": "idx"}]
)
def test_a_generated_set_loads_its_images(tiny, tmp_path, wish):
    made = generate(tiny["digits"], to=tmp_path / "set", quiet=True, **wish)
    images = made.images()
    counts = dict(zip(images.class_names, images.counts().tolist()))
    assert {name: n for name, n in counts.items() if n} == made.counts and len(images) == made.count
    assert made.dropped == {} and made.folder == tmp_path / "set"


def test_an_augmented_set_loads_its_images(tiny, small_mnist, tmp_path):
    made = augment_data(str(small_mnist), to=tmp_path / "out", runs=tiny["conditional"], per_class=52, filters=NONE, quiet=True)
    images = made.images()
    assert [row[3] for row in made.table[:-1]] == images.counts().tolist()
    np.testing.assert_array_equal(np.sort(made.images("test").labels), np.sort(load(str(small_mnist), "test").labels))
    with pytest.raises(InputError, match="both name the data"):
        augment_data(str(small_mnist), to=tmp_path / "other", overrides={"data.source": "mnist"})
    with pytest.raises(TypeError):
        augment_data(str(small_mnist))


def test_a_set_is_resumed_with_the_same_mercy_for_short_classes(tmp_path):
    """Filters that were chosen stay strict, those that nobody chose do not; earlier versions did not write down which."""
    (tmp_path / "request.json").write_text('{"seed": 0, "relax": true, "attempts": 1}')
    assert read_progress(tmp_path, {"seed": 0, "relax": True, "attempts": 9}) == {}
    with pytest.raises(InputError, match="was begun with relax True, not relax False"):
        read_progress(tmp_path, {"seed": 0, "relax": False, "attempts": 1})
    (tmp_path / "request.json").write_text('{"seed": 0, "attempts": 1}')
    assert read_progress(tmp_path, {"seed": 0, "relax": False, "attempts": 1}) == {}
