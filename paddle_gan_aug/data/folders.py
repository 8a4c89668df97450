"""Picture files with labels: class folders, and list files in Paddle's `path label` form.

`root/<class>/*.png` is one undivided set; `root/train/<class>/*` with `root/valid` (or `val`) and `root/test` beside it is a set in
parts. A folder with pictures and no class folders is one class. Classes are in the natural order of their names (2 before 10).
"""

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import project_root
from . import cache
from .decoding import SUFFIXES, decode, is_picture, say_skipped
from .images import LabelledImages, concatenate
from .splits import stratified

CACHE_VERSION = 2
MANIFEST = "manifest.jsonl"
LIST_SUFFIXES = (".txt", ".lst", ".list")
PART_FOLDERS = {"train": ("train",), "valid": ("valid", "val"), "eval": ("test",)}
NO_DATA = ("thumbs.db", "desktop.ini")  # what file managers leave behind


@dataclass(frozen=True)
class Listing:
    """Files with their labels, before any is opened.

    Attributes:
        root: what they were listed from, a folder or a list file.
        files: their paths. labels: one index into `class_names` each.
    """

    root: Path
    files: list
    labels: list
    class_names: tuple

    @property
    def names(self):
        """What to call each file in a message: the path below the root where it is."""
        base = self.root if self.root.is_dir() else self.root.parent
        return [str(file.relative_to(base)) if file.is_relative_to(base) else str(file) for file in self.files]


def natural(name):
    """The key that sorts "2" before "10", and "b2" before "b10"."""
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    return [(0, int(piece), "") if piece.isdecimal() and len(piece) < 1000 else (1, 0, piece) for piece in pieces], name


# ---- class folders -----------------------------------------------------------------------------------------------------


def is_image_folder(path):
    """Whether a folder holds a picture file, up to three folders deep (a part, a class, a file)."""
    return path.is_dir() and any(is_picture(file) for depth in ("*", "*/*", "*/*/*") for file in path.glob(depth))


def open_folder(path, source):
    """Parts of an image folder: a function from `train`, `valid`, `eval` or `all` (of an undivided one) to LabelledImages or None."""
    inside = {folder.name: folder for folder in _folders(path)}
    if "train" not in inside:
        return lambda part: read_listing(list_folder(path), source, str(source)) if part == "all" else None
    found = {part: [inside[name] for name in names if name in inside] for part, names in PART_FOLDERS.items()}
    if len(found["valid"]) > 1:
        raise InputError(f"{path} has both valid and val: keep one of them")
    strange = [name for name in inside if not any(inside[name] in folders for folders in found.values())]
    if strange:
        raise InputError(f"{path} has the parts of a data set and a folder {strange[0]}: it may hold train, valid (or val), test")

    if not found["valid"] and (path / MANIFEST).is_file():
        generated = set(named_in_manifest(path))
        training = functools.lru_cache(maxsize=1)(lambda: _real_ones_validate(list_folder(found["train"][0]), generated, source))
    else:
        training = None

    def read_part(part):
        if training and part in ("train", "valid"):
            return training()[part]
        if not found.get(part):
            return None
        classes = None if part == "train" else list_folder(found["train"][0]).class_names
        listing = list_folder(found[part][0], classes)
        return read_listing(listing, source, f"{source}, folder {found[part][0].name}")

    return read_part


def _real_ones_validate(listing, generated, source):
    """{"train", "valid"} of training files of which some are generated: a share of each class is held out, of the real ones alone."""

    def part(wanted, what):
        chosen = [i for i, file in enumerate(listing.files) if (file in generated) == wanted]
        kept = Listing(listing.root, [listing.files[i] for i in chosen], [listing.labels[i] for i in chosen], listing.class_names)
        return read_listing(kept, source, f"{source}, {what}")

    made = part(True, "generated images")
    train, valid = stratified(part(False, "real images"), source.valid_share, source.seed)
    return {"train": concatenate(train, made), "valid": valid}


def list_folder(folder, class_names=None):
    """List a folder's picture files, in class folders or, if it has none, as one class with the folder's name.

    With a manifest.jsonl the files that it names count, and no others.

    Args:
        class_names: the classes there may be; None = those found.

    Raises:
        InputError: no image; images beside class folders; an empty class; folders inside class folders; a class that is not in
            `class_names`; a manifest that is damaged or leads outside.
    """
    if (folder / MANIFEST).is_file():
        files = named_in_manifest(folder)
        folders = sorted({file.parent for file in files if file.parent != folder}, key=lambda below: natural(below.name))
        beside = [file for file in files if file.parent == folder]
    else:
        folders = sorted(_folders(folder), key=lambda below: natural(below.name))
        beside = sorted((file for file in folder.iterdir() if is_picture(file)), key=lambda file: natural(file.name))
        files = beside + [file for below in folders for file in _class_files(below)]
    if not files:
        raise InputError(f"there is no image in {folder}: looked for {', '.join(SUFFIXES)} there and one folder below")
    if beside and folders:
        raise InputError(f"{folder} holds images beside class folders: {beside[0].name} belongs to no class")
    names = tuple(below.name for below in folders) or (folder.resolve().name or "images",)
    known = names if class_names is None else tuple(class_names)
    for name in names:
        if name not in known:
            raise InputError(f"{folder} has a class {name}, which the training images have not: they have {', '.join(known)}")
    return Listing(folder, files, [known.index(file.parent.name if folders else names[0]) for file in files], known)


def _folders(path):
    return [below for below in path.iterdir() if below.is_dir() and not below.name.startswith(".")]


def _class_files(folder):
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name.lower() not in NO_DATA]
    deeper = [entry for entry in entries if entry.is_dir()]
    if deeper:
        raise InputError(f"{folder} is no class, it has a folder {deeper[0].name}: give the folder whose folders are the classes")
    if not entries:
        raise InputError(f"class folder {folder} is empty: put images into it, or remove it")
    return sorted(entries, key=lambda file: natural(file.name))


def named_in_manifest(folder):
    """The files that a folder's manifest.jsonl names, in its order.

    Raises:
        InputError: it is damaged, or names a file that is missing or lies outside.
    """
    try:
        names = [json.loads(line)["file"] for line in (folder / MANIFEST).read_text(encoding="utf-8").splitlines() if line]
        files = [folder / name for name in names]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / MANIFEST} is damaged: {error}") from None
    for file in files:
        if "\0" in str(file):
            raise InputError(f"{folder / MANIFEST} is damaged: a name with a null character")
        if not file.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{folder / MANIFEST} names {file}, which lies outside the folder")
        if not file.is_file():
            raise InputError(f"{file} is missing: {MANIFEST} names it")
    return files


def file_of_set(path):
    """The one file that holds the images of a set of `generate --format npz` or `mnist.json.gz`, in place of its folder; else the path."""
    if not (path / MANIFEST).is_file():
        return path
    with open(path / MANIFEST, encoding="utf-8", errors="replace") as lines:
        first = lines.readline()
    files = [path / name for name in ("images.npz", "mnist.json.gz") if f'"{name}"' in first and (path / name).is_file()]
    return files[0] if files else path


# ---- list files --------------------------------------------------------------------------------------------------------


def is_list_file(path):
    """Whether a path is a text file by its name."""
    return path.is_file() and path.suffix.lower() in LIST_SUFFIXES


def open_list(path, source):
    """The undivided set of a list file; as `open_folder`."""
    return lambda part: read_listing(list_file(path), source, str(source)) if part == "all" else None


def list_file(path):
    """Read a list file: a line each of a picture's path, a blank or tab, and its label, a number from 0 or a name.

    Relative paths are relative to the list file and stay below its folder; absolute ones may lead anywhere. If all labels are
    numbers they are the indices of the classes, else the classes are the names in natural order.

    Raises:
        InputError: not text, a line without a label, a path that leads outside, a negative label, a class without images, no line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    files, words = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, _, label = line.strip().rpartition("\t") if "\t" in line.strip() else line.strip().rpartition(" ")
            if not name.strip():
                raise InputError(f"{path}, line {number}: expected a path and a label with a blank between, got {line.strip()[:80]!r}")
            files.append(_listed(path, number, name.strip()))
            words.append(label.strip())
    if not files:
        raise InputError(f"the list {path} is empty: a line each of a path and a label")
    if all(re.fullmatch(r"[+-]?\d+", word) for word in words):
        labels = [int(word) for word in words]
        if min(labels) < 0:
            raise InputError(f"{path}, label {min(labels)}: labels count from 0")
        names = tuple(str(i) for i in range(max(labels) + 1))
        missing = sorted(set(range(len(names))) - set(labels))
        if missing:
            raise InputError(f"{path} has labels up to {max(labels)} but no image with label {missing[0]}: number the classes without gaps")
    else:
        names = tuple(sorted(set(words), key=natural))
        labels = [names.index(word) for word in words]
    return Listing(path, files, labels, names)


def _listed(path, number, name):
    if "\0" in name:
        raise InputError(f"{path}, line {number}: a name with a null character: the file is damaged, or no text")
    file = Path(name)
    if file.is_absolute():
        return file
    file = path.parent / file
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise InputError(f"{path}, line {number}: {name} leads outside the list's folder; give an absolute path if that is meant")
    return file


# ---- reading -----------------------------------------------------------------------------------------------------------


def read_listing(listing, source, where):
    """Decode the files of a listing, or take them from the cache in `output/.cache`.

    Args:
        source: a `Source`; its image_size, channels, skip_bad, window, background and fit count here. where: provenance in words.

    Raises:
        InputError: see `decoding.decode`; a class whose files are all unusable.
    """
    sizes = (source.image_size, source.channels, source.skip_bad)
    greys = {"window": source.window, "background": source.background, "fit": source.fit}
    path = project_root() / "output" / ".cache" / f"pictures-{_hash_of(listing, [*sizes, greys])}.npz"
    kept = cache.load(path)
    if kept is None or not {"images", "labels", "bad"} <= set(kept):
        decoded = decode(listing.files, str(listing.root), *sizes, names=listing.names, **greys)
        labels = np.array(listing.labels, np.int64)[decoded.kept]
        lost = sorted(set(listing.labels) - set(labels.tolist()))
        if lost:
            raise InputError(f"{where}: no usable image is left of class {listing.class_names[lost[0]]}")
        kept = {"images": decoded.images, "labels": labels, "bad": np.array(json.dumps(decoded.bad))}
        cache.save(path, kept)
    say_skipped([tuple(row) for row in json.loads(str(kept["bad"]))], len(listing.files), str(listing.root))
    return LabelledImages(kept["images"], kept["labels"], listing.class_names, where)


def _hash_of(listing, options):
    """Of everything the result depends on: which files, their sizes and times, their labels, the options."""
    digest = hashlib.sha256(json.dumps([CACHE_VERSION, str(listing.root.resolve()), listing.class_names, options]).encode())
    for file, name, label in zip(listing.files, listing.names, listing.labels):
        try:
            stat = file.stat()
            digest.update(f"{name}\0{label}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{name}\0{label}\0missing\n".encode())
    return digest.hexdigest()[:32]
