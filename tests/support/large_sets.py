"""Data sets in every form, for the tests of large data: written, damaged, and read again from their files."""

import os

import numpy as np
from PIL import Image

from paddle_gan_aug.data import notices, read_once, write_idx
from paddle_gan_aug.data.idx import idx_file_names
from paddle_gan_aug.data.rows import Rows


def forget():
    """Let everything be read from its files again."""
    read_once._kept.clear()
    read_once._used_last.clear()
    notices._printed.clear()


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


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flipped(path):
    place = min(4000, path.stat().st_size // 2)
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))


def gone(path):
    path.unlink()
