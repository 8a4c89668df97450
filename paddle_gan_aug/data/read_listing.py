"""Read the pictures of a listing: decode them, or take them from the cache on the disk."""

import hashlib
import json
import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..errors import InputError
from . import cache
from .decoding import are_masks, decode, say_skipped
from .file_list import chosen_files
from .images import LabelledImages, concatenate
from .listing import Listing
from .spec import DataSpec
from .splits import stratified

CACHE_VERSION = 2
HELD_OUT = "held out"  # the part "valid" of data whose reader holds it out of the training images
TRAINING_PARTS = ("train", "valid", HELD_OUT)


def read_listing(listing: Listing, spec: DataSpec, where: str, training: Optional[Listing] = None) -> LabelledImages:
    """Decode the files of a listing, or take them from the cache.

    Args:
        listing: the files and their labels.
        spec: how they are read: image_size, channels, skip_bad, window, background and fit.
        where: the provenance in words.
        training: the listing of the set's training images, which decides whether the set consists of masks; None = `listing`
            itself decides it.

    Raises:
        InputError: see `decoding.decode`; or all files of a class are unusable.
    """
    sizes = (spec.image_size, spec.channels, spec.skip_bad)
    greys = {"window": spec.window, "background": spec.background, "fit": spec.fit}
    if training is not None and spec.window is None:
        greys["masks"] = are_masks(training.files, spec.background)
    kept = cache.kept(f"pictures-{_hash_of(listing, [*sizes, greys])}", lambda allocate: _decoded(listing, sizes, greys, where, allocate))
    bad = [tuple(row) for row in json.loads(str(kept["bad"]))]
    say_skipped(bad, len(listing.files), str(listing.root))
    files = listing.files
    if bad:
        left_out = {name for name, _ in bad}
        files = chosen_files(files, np.fromiter((name not in left_out for name in listing.names), bool, len(files)))
    return LabelledImages(kept["images"], kept["labels"], listing.class_names, where, files)


def _decoded(listing: Listing, sizes: Tuple, greys: Dict[str, Any], where: str, allocate: cache.Allocate) -> cache.Arrays:
    decoded = decode(listing.files, str(listing.root), *sizes, names=listing.names, allocate=allocate, **greys)
    labels = listing.labels[decoded.kept]
    lost = np.setdiff1d(listing.labels, labels)
    if len(lost):
        raise InputError(f"{where}: no usable image is left of class {listing.class_names[lost[0]]}")
    return {"images": decoded.images, "labels": labels, "bad": np.array(json.dumps(decoded.bad))}


def _hash_of(listing: Listing, options: List[Any]) -> str:
    """Hash all that the result depends on: the files with their sizes, times and labels, and the options."""
    digest = hashlib.sha256(json.dumps([CACHE_VERSION, str(listing.root.resolve()), listing.class_names, options]).encode())
    for file, name, label in zip(listing.files, listing.names, listing.labels):
        try:
            stat = os.stat(file)
            digest.update(f"{name}\0{label}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(errors="surrogatepass"))
        except OSError:
            digest.update(f"{name}\0{label}\0missing\n".encode())
    return digest.hexdigest()[:32]


def read_training(listing: Listing, generated: np.ndarray, spec: DataSpec) -> Dict[str, LabelledImages]:
    """Read training files of which those are generated that a mask, bool [N], tells, by `TRAINING_PARTS`.

    A share of each class is held out for validation, of the real images alone.
    """

    def part(is_generated: bool, what: str) -> LabelledImages:
        return read_listing(listing.subset(generated == is_generated), spec, f"{spec}, {what}", listing)

    train, valid = stratified(part(False, "real images"), spec.valid_share, spec.seed, lone_trains=True)
    if generated.any():  # an augmentation may have kept none
        train = concatenate(train, part(True, "generated images"))
    return {"train": train, "valid": valid, HELD_OUT: valid}
