"""Picture files with labels: class folders, and list files in Paddle's `path label` form.

`root/<class>/*.png` is one undivided set; `root/train/<class>/*` with `root/valid` (or `val`) and `root/test` beside it is a set in
parts. A folder with pictures and no class folders is one class. Classes are in the natural order of their names (2 before 10).
What file managers, packers and network drives leave behind is left out.
"""

import contextlib
import functools
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, NoSuchPart
from ..files import project_root
from . import cache
from .decoding import SUFFIXES, are_masks, decode, is_picture, say_skipped
from .images import LabelledImages, concatenate
from .lists import each_once, is_row, read_class_names, read_rows, read_text
from .splits import stratified
from .telling import tell_once
from .written_set import MANIFEST, check_finished, file_in, read_manifest

CACHE_VERSION = 2
LIST_SUFFIXES = (".txt", ".lst", ".list", ".csv", ".tsv", ".jsonl")
PART_FOLDERS = {  # by their usual names, in any case
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}
PART_LISTS = {
    "train": ("train_list.txt", "train.txt"),
    "valid": ("val_list.txt", "valid_list.txt", "val.txt", "valid.txt"),
    "test": ("test_list.txt", "test.txt"),
}
CLASS_NAMES = ("labels.txt", "label_list.txt", "*label_list.txt", "classes.txt")  # beside such lists
METADATA = ("metadata.csv", "metadata.jsonl")  # with the labels of the pictures in the same folder
NO_DATA = (  # what others leave behind, beside all that begins with a dot
    *("thumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
    "__pycache__",
)
STRAY_SUFFIXES = (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".ini", ".db", ".log", ".html")
STRAY_NAMES = ("readme", "license", "licence", "copying")
NAMED_IN_A_MESSAGE = 3
LOOKED_AT, LOOKED_AT_IN_A_FOLDER, OPENED = 50_000, 5000, 50  # entries, and files without a suffix, that may tell that pictures are there


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
    return path.is_dir() and any(is_picture(file) for file in _told_by(path))


def _told_by(path):
    """The files, up to three folders deep, that may tell whether a folder holds pictures: so few that a whole disk ends soon."""
    folders, seen, without_suffix = [path], 0, 0
    for _ in range(3):
        deeper = []
        for folder in folders:
            try:
                with os.scandir(folder) as entries:
                    entries = list(itertools.islice(entries, LOOKED_AT_IN_A_FOLDER))
            except OSError:
                continue
            deeper += [folder / entry.name for entry in entries if entry.is_dir()]
            for file in (folder / entry.name for entry in entries if not entry.is_dir()):
                without_suffix += not file.suffix
                if file.suffix or without_suffix <= OPENED:
                    yield file
            seen += len(entries)
            if seen > LOOKED_AT:
                return
        folders = deeper


def open_folder(path, source):
    """Parts of an image folder: a function from `train`, `valid`, `test` or `all` (of an undivided one) to LabelledImages or None."""
    found = part_folders(path)
    if found is None:
        return lambda part: read_listing(_list_classes(path, source), source, str(source)) if part == "all" else None
    if "valid" not in found and (path / MANIFEST).is_file():
        generated = set(named_in_manifest(path))
        training = functools.lru_cache(maxsize=1)(lambda: _real_ones_validate(list_folder(found["train"]), generated, source))
    else:
        training = None

    def read_part(part):
        if training and part in ("train", "valid"):
            return training()[part]
        if part not in found:
            return None
        listing = learnt = _list_classes(found["train"], source)
        if part != "train":
            listing = list_folder(found[part], learnt.class_names)
        return read_listing(listing, source, f"{source}, folder {found[part].name}", learnt)

    return read_part


def part_folders(path):
    """{"train": folder, and "valid" and "test" where they are there}; None of a folder that is not divided into parts.

    A folder train of pictures beside folders that are no parts is a class like those.

    Raises:
        InputError: a part is there twice, or a folder that is no part.
    """
    inside = sorted(_folders(path))
    found = {part: [folder for folder in inside if folder.name.lower() in names] for part, names in PART_FOLDERS.items()}
    strange = [folder.name for folder in inside if folder not in sum(found.values(), [])]
    alone = not found["valid"] and not found["test"]
    if not found["train"] or (strange and alone and not any(_folders(folder) for folder in found["train"])):
        return None
    twice = next((folders for folders in found.values() if len(folders) > 1), None)
    if twice:
        raise InputError(f"{path} has both {twice[1].name} and {twice[0].name}: keep one of them")
    if strange:
        raise InputError(f"{path} has the parts of a data set and a folder {strange[0]}: it may hold train, valid (or val), test")
    return {part: folders[0] for part, folders in found.items() if folders}


def _list_classes(folder, source):
    """`list_folder`, with a line on a folder that has no class folders: mostly it is not the one that was meant."""
    listing = list_folder(folder)
    if len(listing.class_names) == 1 and listing.files[0].parent == folder:
        tell_once(f"{source}: there are no class folders in {folder}, so all of its pictures are one class, {listing.class_names[0]}")
    return listing


def _real_ones_validate(listing, generated, source):
    """{"train", "valid"} of training files of which some are generated: a share of each class is held out, of the real ones alone."""

    def part(wanted, what):
        chosen = [i for i, file in enumerate(listing.files) if (file in generated) == wanted]
        kept = Listing(listing.root, [listing.files[i] for i in chosen], [listing.labels[i] for i in chosen], listing.class_names)
        return read_listing(kept, source, f"{source}, {what}", listing)

    made = part(True, "generated images")
    train, valid = stratified(part(False, "real images"), source.valid_share, source.seed, lone_trains=True)
    return {"train": concatenate(train, made), "valid": valid}


def list_folder(folder, class_names=None):
    """List a folder's picture files, in class folders or, if it has none, as one class with the folder's name.

    With a manifest.jsonl the files that it names count, and no others. Without class folders a metadata.csv or .jsonl with labels counts.

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
        beside = sorted((file for file in _entries(folder) if is_picture(file)), key=lambda file: natural(file.name))
        if not folders and (labelled := _metadata(folder)):
            return _with_classes(labelled, folder, class_names)
        files = beside + [file for below in folders for file in _class_files(below, folder)]
    if not files:
        raise NoSuchPart(f"there is no image in {folder}: looked for {', '.join(SUFFIXES)} there and one folder below")
    if beside and folders:
        raise InputError(f"{folder} holds images beside class folders: {beside[0].name} belongs to no class")
    names = tuple(below.name for below in folders) or (folder.resolve().name or "images",)
    places = {name: place for place, name in enumerate(names)}
    labels = [places[file.parent.name if folders else names[0]] for file in files]
    return _with_classes(Listing(folder, files, labels, names), folder, class_names)


def _with_classes(listing, where, class_names):
    """A listing with labels into `class_names` (None = its own), which may be more than it has."""
    if class_names is None:
        return listing
    known = tuple(class_names)
    for name in listing.class_names:
        if name not in known:
            raise InputError(f"{where} has a class {name}, which the training images have not: they have {', '.join(known)}")
    return Listing(listing.root, listing.files, [known.index(listing.class_names[label]) for label in listing.labels], known)


def _metadata(folder):
    """The listing of a folder's metadata.csv or .jsonl; None where it has none, or one without labels."""
    for file in (folder / name for name in METADATA):
        with contextlib.suppress(InputError):
            if file.is_file():
                return list_file(file)
    return None


def _entries(folder):
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror or error}") from None


def _is_junk(path):
    return path.name.startswith(".") or path.name.lower() in NO_DATA


def _folders(path):
    return [below for below in _entries(path) if os.path.isdir(below) and not _is_junk(below)]


def _class_files(folder, root):
    entries = [entry for entry in _entries(folder) if not _is_junk(entry)]
    deeper = [entry for entry in entries if os.path.isdir(entry)]
    if deeper:
        told = inner_folder(root)
        told = f"give {told}" if told != root else "give the folder whose folders are the classes"
        raise InputError(f"{folder} is no class, it has a folder {deeper[0].name}: {told}")
    stray = sorted(entry.name for entry in entries if _is_stray(entry))
    if stray:
        more = f" and {len(stray) - NAMED_IN_A_MESSAGE} more" if len(stray) > NAMED_IN_A_MESSAGE else ""
        tell_once(f"{folder}: left out what is no picture: {', '.join(stray[:NAMED_IN_A_MESSAGE])}{more}")
    files = [entry for entry in entries if not _is_stray(entry)]
    if not files:
        raise InputError(f"class folder {folder} is empty: put images into it, or remove it")
    return sorted(files, key=lambda file: natural(file.name))


def _is_stray(file):
    return file.suffix.lower() in STRAY_SUFFIXES or file.name.lower() in STRAY_NAMES


def inner_folder(path):
    """The folder that a packed data set is really in: `path`, or below it as long as a folder holds one folder of folders alone."""
    while path.is_dir():
        inside = [entry for entry in _entries(path) if not _is_junk(entry) and not _is_stray(entry)]
        if len(inside) != 1 or not os.path.isdir(inside[0]) or not _folders(inside[0]):
            break
        path = inside[0]
    return path


def named_in_manifest(folder):
    """The files that a folder's manifest.jsonl names, in its order.

    Raises:
        InputError: it is damaged, or names a file that is missing or lies outside.
    """
    return [file_in(folder, row["file"], folder / MANIFEST) for row in read_manifest(folder)]


def file_of_set(path):
    """The one file that holds the images of a set of `generate --format npz` or `mnist.json.gz`, in place of its folder; else the path."""
    check_finished(path)
    if not (path / MANIFEST).is_file():
        return path
    first = next(read_manifest(path), {}).get("file")
    return path / first if first in ("images.npz", "mnist.json.gz") and (path / first).is_file() else path


# ---- list files --------------------------------------------------------------------------------------------------------


def is_list_file(path):
    """Whether a path is a list or a table by its name."""
    return path.is_file() and path.suffix.lower() in LIST_SUFFIXES


def open_list(path, source):
    """The set of a list file, undivided or in the parts that its column split names; as `open_folder`."""

    @functools.lru_cache(maxsize=1)
    def listings():
        return _listings(path)

    @functools.lru_cache(maxsize=1)
    def training():
        return _real_ones_validate(listings()[0]["train"], listings()[1], source)

    def read_part(part):
        parts, generated = listings()
        if generated and "valid" not in parts and part in ("train", "valid"):
            return training()[part]
        if part not in parts:
            return None
        return read_listing(parts[part], source, str(source) if part == "all" else f"{source}, part {part}", parts.get("train"))

    return read_part


def _listings(path):
    """({part: Listing}, the files of its training part that are generated, where others are not) of a list file.

    Its column split says which part a row belongs to, as `PART_FOLDERS` names them. A list of training images alone is undivided.
    """
    rows = _rows_of(path)
    parts = {file: next((part for part, names in PART_FOLDERS.items() if row.split.lower() in names), None) for file, row in rows.items()}
    if not all(parts.values()):
        if any(row.split for row in rows.values()):
            tell_once(f"{path}: its column split is left out, since not all of its values are train, valid (or val) or test")
        parts = dict.fromkeys(rows, "train")
    generated = {file for file, row in rows.items() if parts[file] == "train" and row.generated.lower() in ("1", "true", "yes")}
    if all(file in generated for file in rows if parts[file] == "train"):
        generated = set()
    if set(parts.values()) == {"train"} and not generated:
        return {"all": _labelled(path, rows)}, generated
    found = {part: _labelled(path, {file: rows[file] for file in rows if parts[file] == part}) for part in set(parts.values())}
    if "train" in found:
        found = {part: _with_classes(listing, f"{path}, part {part}", found["train"].class_names) for part, listing in found.items()}
    return found, generated


def _rows_of(path):
    rows = read_rows(path)
    return each_once(rows, [_listed(path, row.name) for row in rows], path)


def list_file(path, class_names=None):
    """Read a list file: a picture's path and its label in each row, see `lists.read_rows`.

    Relative paths are relative to the list file, as they stand or with slashes for the backslashes of Windows. If all labels are
    numbers, the classes are those that occur, in their order; else the classes are the names in natural order.

    Args:
        class_names: {label: name} of a list whose labels are numbers; None = the numbers.

    Raises:
        InputError: not text, a row without a label, a negative label or one that `class_names` lacks, no row.
    """
    return _labelled(path, _rows_of(path), class_names)


def _labelled(path, rows, class_names=None):
    """The listing of {file: row}, see `list_file`."""
    files, words = list(rows), [row.label for row in rows.values()]
    if all(re.fullmatch(r"[+-]?\d{1,100}", word) for word in words):
        numbers = [int(word) for word in words]
        if min(numbers) < 0:
            raise InputError(f"{path}, label {min(numbers)}: labels count from 0")
        known = {number: str(number) for number in sorted(set(numbers))} if class_names is None else class_names
        strange = next((number for number in numbers if number not in known), None)
        if strange is not None:
            raise InputError(f"{path} has a label {strange}, but the classes are numbered from {min(known)} to {max(known)}")
        places = {number: place for place, number in enumerate(sorted(known))}
        names, labels = tuple(known[number] for number in sorted(known)), [places[number] for number in numbers]
    else:
        names = tuple(sorted(set(words), key=natural))
        places = {name: place for place, name in enumerate(names)}
        labels = [places[word] for word in words]
    return Listing(path, files, labels, names)


def _listed(path, name):
    """The file that a row of a list names; where none is there, the name as it is written."""
    written = path.parent / name
    if name.isascii() and "\\" not in name:
        return written
    with_slashes = name.replace("\\", "/")
    in_gbk = os.fsdecode(with_slashes.encode("gb18030", "surrogatepass"))  # unpacked from a zip of Windows
    choices = (written, *(path.parent / other for other in (with_slashes, in_gbk)))
    return next((file for file in choices if file.is_file()), written)


def is_list_folder(path):
    """Whether a folder has a list of its training images, as PaddleX and PaddleClas divide their sets: train_list.txt, val_list.txt …

    A set with a manifest is read by that: the lists beside it are for other programs.
    """
    lists = _part_lists(path) if path.is_dir() and not (path / MANIFEST).exists() else {}
    try:
        return "train" in lists and is_row(read_text(lists["train"]).strip().partition("\n")[0])
    except InputError:
        return False


def open_list_folder(path, source):
    """Parts of a folder with list files; as `open_folder`. A file labels.txt may name the classes."""
    lists = _part_lists(path)
    named = next((file for pattern in CLASS_NAMES for file in sorted(path.glob(pattern)) if file.is_file()), None)

    def read_part(part):
        if part not in lists:
            return None
        class_names = read_class_names(named) if named else None
        listing = training = list_file(lists["train"], class_names)
        if part != "train":
            listing = _with_classes(list_file(lists[part], class_names), lists[part], training.class_names)
        return read_listing(listing, source, f"{source}, {lists[part].name}", training)

    return read_part


def _part_lists(path):
    found = {part: next((path / name for name in names if (path / name).is_file()), None) for part, names in PART_LISTS.items()}
    return {part: file for part, file in found.items() if file}


# ---- reading -----------------------------------------------------------------------------------------------------------


def read_listing(listing, source, where, training=None):
    """Decode the files of a listing, or take them from the cache in `output/.cache`.

    Args:
        source: a `DataSpec`; its image_size, channels, skip_bad, window, background and fit count here. where: provenance in words.
        training: the listing of the set's training images, which tell whether the set is one of masks; None = these images tell it.

    Raises:
        InputError: see `decoding.decode`; a class whose files are all unusable.
    """
    sizes = (source.image_size, source.channels, source.skip_bad)
    greys = {"window": source.window, "background": source.background, "fit": source.fit}
    if training is not None and source.window is None:
        greys["masks"] = are_masks(training.files, source.background)
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
    bad = {name for name, _ in json.loads(str(kept["bad"]))}
    files = [file for file, name in zip(listing.files, listing.names) if name not in bad]
    return LabelledImages(kept["images"], kept["labels"], listing.class_names, where, files)


def _hash_of(listing, options):
    """Of everything the result depends on: which files, their sizes and times, their labels, the options."""
    digest = hashlib.sha256(json.dumps([CACHE_VERSION, str(listing.root.resolve()), listing.class_names, options]).encode())
    for file, name, label in zip(listing.files, listing.names, listing.labels):
        try:
            stat = file.stat()
            digest.update(f"{name}\0{label}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(errors="surrogatepass"))
        except OSError:
            digest.update(f"{name}\0{label}\0missing\n".encode())
    return digest.hexdigest()[:32]
