"""Before and after of every classical transform and policy, on images of the data itself: the quickest check that labels survive."""

from pathlib import Path

import numpy as np

from .. import runtime
from ..data import DataSpec, load
from ..errors import InputError
from ..files import make_folder
from ..pictures import save_png
from .policies import RandAugment, TrivialAugment, policy_for
from .transforms import SHOWN_SIDE, before_and_after, preview_sheet

PAIRS = 6


def draw_previews(source, to, seed=0, policy="auto", **reading):
    """Write two PNG files: every transform at its full ranges, and the policy that fits the data with its automatic variants.

    Args:
        source: the data, by name or path; its training images are shown, of as many classes as there is room for.
        to: a .png file (the policies go to `<name>-policies.png`), or a folder for transforms.png and policies.png.
        policy: as for `policies.policy_for`.
        reading: `image_size`, `channels`, `skip_bad` of a `DataSpec`.

    Returns:
        The two paths.

    Raises:
        InputError: no such data; a file that exists.
    """
    to = Path(to).expanduser()
    as_file = to.suffix.lower() == ".png"
    paths = (to, to.with_name(f"{to.stem}-policies.png")) if as_file else (to / "transforms.png", to / "policies.png")
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists: nothing is overwritten; choose another --to")
    data = load(DataSpec(str(source), **reading), "train")
    images = shown_images(data)
    policy = policy_for(source, data.channels, policy)
    make_folder(paths[0].parent)
    save_png(paths[0], preview_sheet(images, runtime.rng(seed, "preview")))
    save_png(paths[1], policy_sheet(images, policy, runtime.rng(seed, "preview policies")))
    return paths


def policy_sheet(images, policy, rng):
    """A policy's standard augmentation, RandAugment and TrivialAugment in its space; see `before_and_after`."""
    changes = {policy.name: policy, "RandAugment": RandAugment(policy.space), "TrivialAugment": TrivialAugment(policy.space)}
    return before_and_after(images, changes, rng)


def shown_images(data):
    """The first images of the classes in turn; large ones cut to the middle."""
    of_class = [np.flatnonzero(data.labels == c) for c in np.flatnonzero(data.counts())]
    images = data.images[[places[rank] for rank in range(PAIRS) for places in of_class if rank < len(places)][:PAIRS]]
    cut = [slice((side - SHOWN_SIDE) // 2, (side + SHOWN_SIDE) // 2) if side > SHOWN_SIDE else slice(None) for side in images.shape[2:]]
    return np.ascontiguousarray(images[:, :, cut[0], cut[1]])
