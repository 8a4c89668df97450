"""Draw images of the data before and after every classical transform and policy: the quickest check that labels survive."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Sequence, Tuple, Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import runtime
from ..data import DataSpec, LabelledImages, load
from ..errors import InputError
from ..files import expanded, make_folder
from ..pictures import as_rgb, grid, save_png
from .checks import checked_batch
from .policies import Policy, RandAugment, TrivialAugment, policy_for
from .transforms import TRANSFORMS, Change, transform_batch

PAIRS = 6
SHOWN_SIDE = 64  # the largest side of an image on a sheet, in pixels


def draw_previews(data: DataSpec, *, to: Union[str, Path], seed: int = 0, policy: str = "auto") -> Tuple[Path, Path]:
    """Write two PNG files: every transform at its full ranges, and the policy that fits the data with its automatic variants.

    Args:
        data: the data. Its training images are shown, of as many classes as there is room for.
        to: a .png file (the policies go to `<name>-policies.png`), or a folder for transforms.png and policies.png.
        seed: the seed of all draws.
        policy: the policy, as for `policies.policy_for`.

    Returns:
        The two paths.

    Raises:
        InputError: there is no such data, or a file exists.
    """
    to = expanded(to)
    as_file = to.suffix.lower() == ".png"
    paths = (to, to.with_name(f"{to.stem}-policies.png")) if as_file else (to / "transforms.png", to / "policies.png")
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists: nothing is overwritten; choose another place")
    training = load(data, "train")
    images = shown_images(training)
    chosen = policy_for(data.name, training.channels, policy)
    make_folder(paths[0].parent)
    save_png(paths[0], preview_sheet(images, runtime.rng(seed, "preview")))
    save_png(paths[1], policy_sheet(images, chosen, runtime.rng(seed, "preview policies")))
    return paths


def policy_sheet(images: np.ndarray, policy: Policy, rng: np.random.Generator) -> np.ndarray:
    """Draw a policy's standard augmentation, RandAugment and TrivialAugment in its space; see `before_and_after`."""
    changes = {policy.name: policy, "RandAugment": RandAugment(policy.space), "TrivialAugment": TrivialAugment(policy.space)}
    return before_and_after(images, changes, rng)


def shown_images(data: LabelledImages) -> np.ndarray:
    """Return the first images of the classes in turn, uint8 [N, C, H, W]; large ones are cut to the middle."""
    of_class = [np.flatnonzero(data.labels == c) for c in np.flatnonzero(data.counts())]
    images = data.images[[places[rank] for rank in range(PAIRS) for places in of_class if rank < len(places)][:PAIRS]]
    cut = [slice((side - SHOWN_SIDE) // 2, (side + SHOWN_SIDE) // 2) if side > SHOWN_SIDE else slice(None) for side in images.shape[2:]]
    return np.ascontiguousarray(images[:, :, cut[0], cut[1]])


def preview_sheet(images: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Draw the images before and after every transform of the table, in its order; see `before_and_after`.

    Raises:
        ValueError: other images, or none; a strength outside [0, 1].
    """
    checked_batch(images)
    changes = {name: lambda image, rng, row=row: row(image, rng, strength) for name, row in TRANSFORMS.items()}
    return before_and_after(images, changes, rng)


def before_and_after(images: np.ndarray, changes: Dict[str, Change], rng: np.random.Generator) -> np.ndarray:
    """Draw images before and after changes, side by side: a row for each change, its name in the margin. Small images are enlarged.

    Args:
        images: uint8 [N, C, H, W], N >= 1: N pairs a row. changes: {name: (image, rng) -> image}, as for `transform_batch`.

    Returns:
        uint8 [H', W', 3].
    """
    times = max(1, SHOWN_SIDE // images.shape[2])
    cells = [np.stack([images, transform_batch(change, images, rng)], axis=1).reshape(-1, *images.shape[1:]) for change in changes.values()]
    cells = np.concatenate(cells).repeat(times, axis=2).repeat(times, axis=3)
    sheet = grid(cells, columns=2 * len(images), padding=2, background=128)
    margin = _names_beside(sheet.shape[0], list(changes), times * images.shape[2] + 2)
    return np.ascontiguousarray(np.concatenate([margin, sheet], axis=1))


def _names_beside(height: int, names: Sequence[str], distance: int) -> np.ndarray:
    """Draw a white strip of the given height with a name every `distance` pixels, in Pillow's own font."""
    font = ImageFont.load_default()
    width = 8 + max(font.getmask(name).size[0] for name in names)
    strip = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(strip)
    for index, name in enumerate(names):
        draw.text((4, index * distance + max(0, (distance - 14) // 2)), name, fill=0, font=font)
    return as_rgb(np.asarray(strip))
