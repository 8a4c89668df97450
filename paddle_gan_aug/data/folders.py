"""Data sets in class folders.

`root/<class>/*.png` is one undivided set. `root/train/<class>/*` with `root/valid` (or `val`) and `root/test` beside it is a set
in parts; `root/unlabelled` may hold images without labels, see `few_labels`.
A folder with pictures and no class folders is one class. Classes are in the natural order of their names (2 before 10).
What file managers, packers and network drives leave behind is left out.
"""

import array
import contextlib
import functools
import itertools
import os
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from ..console import listed
from ..errors import InputError, NoSuchPart
from .decoding import SUFFIXES, decode, is_picture, say_skipped
from .file_list import chosen_files, file_list
from .image_set import ImageSet
from .images import LabelledImages
from .list_files import list_file
from .list_rows import NoLabels
from .listing import PART_NAMES, Listing, natural
from .notices import notice_once
from .read_listing import TRAINING_PARTS, read_listing, read_training
from .spec import DataSpec
from .written_set import MANIFEST, named_in_manifest, names_in_manifest, window_of_set

METADATA = ("metadata.csv", "metadata.jsonl")  # with the labels of the pictures in the same folder
NO_DATA = (  # what others leave behind, beside all that begins with a dot
    "thumbs.db",
    "desktop.ini",
    "__macosx",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__pycache__",
)
STRAY_SUFFIXES = (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".ini", ".db", ".log", ".html")
STRAY_NAMES = ("readme", "license", "licence", "copying")
NAMED_IN_A_MESSAGE = 3
UNLABELLED = "unlabelled"  # the folder of images without labels, beside the parts of a data set
MOST_ENTRIES, MOST_ENTRIES_IN_A_FOLDER, MOST_OPENED = 50_000, 5000, 50  # that `is_image_folder` looks at; files without a suffix


def is_image_folder(path: Path) -> bool:
    """Whether a folder holds a picture file, up to three folders deep (a part, a class, a file)."""
    return path.is_dir() and any(is_picture(file) for file in _first_files(path))


def _first_files(path: Path) -> Iterator[Path]:
    """Yield files up to three folders deep, so few that even the search of a whole disk ends soon."""
    folders, seen, without_suffix = [path], 0, 0
    for _ in range(3):
        deeper = []
        for folder in folders:
            try:
                with os.scandir(folder) as entries:
                    entries = list(itertools.islice(entries, MOST_ENTRIES_IN_A_FOLDER))
            except OSError:
                continue
            deeper += [folder / entry.name for entry in entries if entry.is_dir()]
            for file in (folder / entry.name for entry in entries if not entry.is_dir()):
                without_suffix += not file.suffix
                if file.suffix or without_suffix <= MOST_OPENED:
                    yield file
            seen += len(entries)
            if seen > MOST_ENTRIES:
                return
        folders = deeper


# ---- parts -------------------------------------------------------------------------------------------------------------


def open_folder(path: Path, spec: DataSpec) -> Callable[[str], Optional[LabelledImages]]:
    """Open a folder of pictures, undivided or in parts; see `readers.Reader.open`."""
    parts = part_folders(path)
    if parts is None:
        return lambda part: read_listing(_list_classes(path, spec), spec, str(spec)) if part == "all" else None
    training = None
    if "valid" not in parts and (path / MANIFEST).is_file():
        generated = set(named_in_manifest(path))

        @functools.lru_cache(maxsize=1)
        def training() -> Dict[str, LabelledImages]:
            listing = list_folder(parts["train"])
            return read_training(listing, np.fromiter((file in generated for file in listing.files), bool, len(listing.files)), spec)

    def read_part(part: str) -> Optional[LabelledImages]:
        if training and part in TRAINING_PARTS:
            return training()[part]
        if part not in parts:
            return None
        listing = train = _list_classes(parts["train"], spec)
        if part != "train":
            listing = list_folder(parts[part], train.class_names)
        return read_listing(listing, spec, f"{spec}, folder {parts[part].name}", train)

    return read_part


def part_folders(path: Path) -> Optional[Dict[str, Path]]:
    """Return {"train": folder, and "valid" and "test" if they are there}; None of a folder that is not divided into parts.

    A folder train of pictures beside folders that are no parts is a class like those.

    Raises:
        InputError: a part is there twice, or there is a folder that is no part.
    """
    inside = sorted(_folders(path))
    parts = {part: [folder for folder in inside if folder.name.lower() in names] for part, names in PART_NAMES.items()}
    beside = [folder.name for folder in inside if folder not in sum(parts.values(), [])]
    others = [name for name in beside if name.lower() != UNLABELLED]
    train_alone = not parts["valid"] and not parts["test"]
    if not parts["train"] or (beside and train_alone and not any(_folders(folder) for folder in parts["train"])):
        return None
    twice = next((folders for folders in parts.values() if len(folders) > 1), None)
    if twice:
        raise InputError(f"{path} has both {twice[1].name} and {twice[0].name}: keep one of them")
    if others:
        raise InputError(
            f"{path} has the parts of a data set and a folder {others[0]}: it may hold train, valid (or val), test, unlabelled"
        )
    return {part: folders[0] for part, folders in parts.items() if folders}


def _list_classes(folder: Path, spec: DataSpec) -> Listing:
    """`list_folder`, with a notice about a folder without class folders, which is seldom the one that was meant."""
    listing = list_folder(folder)
    if len(listing.class_names) == 1 and listing.files[0].parent == folder:
        notice_once(f"{spec}: there are no class folders in {folder}, so all of its pictures are one class, {listing.class_names[0]}")
    return listing


# ---- class folders -----------------------------------------------------------------------------------------------------


def list_folder(folder: Path, class_names: Optional[Sequence[str]] = None) -> Listing:
    """List a folder's picture files, in class folders or, if it has none, as one class with the folder's name.

    If there is a manifest.jsonl, only the files that it names count. Without class folders, a metadata.csv or .jsonl with labels
    counts.

    Args:
        folder: the folder.
        class_names: the classes that are allowed; None = all.

    Raises:
        InputError: there is no image, there are images beside class folders, a class is empty or not in `class_names`, there are
            folders inside class folders, or the manifest is damaged or names a file outside the folder.
    """
    if (folder / MANIFEST).is_file():
        return _of_manifest(folder).with_classes(class_names, folder)
    folders = sorted(_folders(folder), key=lambda below: natural(below.name))
    _report_hidden(folder)
    beside = sorted((file.name for file in _entries(folder) if is_picture(file)), key=natural)
    if not folders and (labelled := _metadata(folder)):
        return labelled.with_classes(class_names, folder)
    counts: List[int] = []

    def below() -> Iterator[str]:
        for inner in folders:
            names = _class_files(inner, folder)
            counts.append(len(names))
            yield from (os.path.join(inner.name, name) for name in names)

    files = file_list(folder, itertools.chain(beside, below()))
    names = _checked_names(folder, len(files), beside, [inner.name for inner in folders])
    return Listing(folder, files, np.repeat(np.arange(len(names)), counts or [len(files)]), names).with_classes(class_names, folder)


def _of_manifest(folder: Path) -> Listing:
    """Return the listing of the files that a folder's manifest names."""
    of_class: Dict[str, int] = {}  # the folder of a class -> its place among those in the order of the manifest
    codes, beside = array.array("l"), []

    def named() -> Iterator[str]:
        for name in names_in_manifest(folder):
            inner = os.path.dirname(name)
            if not inner and not beside:
                beside.append(name)
            codes.append(of_class.setdefault(inner, len(of_class)) if inner else -1)
            yield name

    files = file_list(folder, named())
    folders = sorted(of_class, key=lambda inner: natural(os.path.basename(inner)))
    names = _checked_names(folder, len(files), beside, [os.path.basename(inner) for inner in folders])
    if not folders:
        return Listing(folder, files, np.zeros(len(files), np.int64), names)
    places = {name: place for place, name in enumerate(names)}
    places_of = np.array([places[os.path.basename(inner)] for inner in of_class])
    return Listing(folder, files, places_of[np.array(codes)], names)


def _checked_names(folder: Path, count: int, beside: Sequence[str], folders: Sequence[str]) -> Tuple[str, ...]:
    """Return the class names of a folder with `count` images, of which `beside` lie beside the class folders.

    Raises:
        InputError: there is no image, or there are some beside class folders.
    """
    if not count:
        raise NoSuchPart(f"there is no image in {folder}: looked for {', '.join(SUFFIXES)} there and one folder below")
    if beside and folders:
        raise InputError(f"{folder} holds images beside class folders: {beside[0]} belongs to no class")
    return tuple(folders) or (folder.resolve().name or "images",)


def _metadata(folder: Path) -> Optional[Listing]:
    """Return the listing of a folder's metadata.csv or .jsonl; None if it has none, or one without labels."""
    for file in (folder / name for name in METADATA):
        with contextlib.suppress(NoLabels):
            if file.is_file():
                return list_file(file)
    return None


def _entries(folder: Path) -> List[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror or error}") from None


def is_junk(name: str) -> bool:
    """Whether a file or folder is what file managers, packers and network drives leave behind, by its name."""
    return name.startswith(".") or name.lower() in NO_DATA


def _folders(path: Path) -> List[Path]:
    return [below for below in _entries(path) if os.path.isdir(below) and not is_junk(below.name)]


def _report_hidden(folder: Path) -> None:
    """Say which hidden folders hold pictures: one of them may be a class with an odd name."""
    hidden = sorted(below for below in _entries(folder) if below.name.startswith(".") and os.path.isdir(below))
    hidden = [below.name for below in hidden if any(map(is_picture, _some_entries(below)))]
    if hidden:
        names = listed(hidden, NAMED_IN_A_MESSAGE)
        notice_once(f"{folder}: left out hidden folders with pictures: {names}; a class needs a name that begins with no dot")


def _some_entries(folder: Path) -> List[Path]:
    """The first entries of a folder; [] of one that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in itertools.islice(entries, MOST_OPENED)]
    except OSError:
        return []


def _class_files(folder: Path, root: Path) -> List[str]:
    """Return the names of the pictures in a class folder, in natural order."""
    names, stray, deeper = [], [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_junk(entry.name):
                    (deeper if entry.is_dir() else stray if _is_stray(entry.name) else names).append(entry.name)
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror or error}") from None
    if deeper:
        inner = inner_folder(root)
        advice = f"give {inner}" if inner != root else "give the folder whose folders are the classes"
        raise InputError(f"{folder} is no class, it has a folder {deeper[0]}: {advice}")
    if stray:
        notice_once(f"{folder}: left out what is no picture: {listed(sorted(stray), NAMED_IN_A_MESSAGE)}")
    if not names:
        raise InputError(f"class folder {folder} is empty: put images into it, or remove it")
    return sorted(names, key=natural)


def _is_stray(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in STRAY_SUFFIXES or name.lower() in STRAY_NAMES


def inner_folder(path: Path) -> Path:
    """Return the folder that a packed data set lies in: `path`, or one below it as long as a folder holds one folder of folders."""
    while path.is_dir():
        inside = [entry for entry in _entries(path) if not is_junk(entry.name) and not _is_stray(entry.name)]
        if len(inside) != 1 or not os.path.isdir(inside[0]) or not _folders(inside[0]):
            break
        path = inside[0]
    return path


# ---- images without parts ------------------------------------------------------------------------------------------------


def read_folder_images(path: Path, spec: DataSpec) -> ImageSet:
    """Read the pictures of a folder, in class folders or not; see `readers.Reader.images`."""
    listing = list_folder(path)
    window = spec.window or window_of_set(path)
    options = {"names": listing.names, "window": window, "background": spec.background, "fit": spec.fit}
    decoded = decode(listing.files, str(path), spec.image_size, spec.channels, spec.skip_bad, **options)
    say_skipped(decoded.bad, len(listing.files), str(path))
    in_classes = listing.files[0].parent != path
    return ImageSet(
        decoded.images,
        chosen_files(listing.names, decoded.kept),
        listing.labels[decoded.kept] if in_classes else None,
        listing.class_names if in_classes else None,
        decoded.others,
    )
