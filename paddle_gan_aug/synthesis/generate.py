"""Images from a trained run, one PNG each, with a manifest that says where every one came from."""

import json
from pathlib import Path

import numpy as np

from .. import runtime
from ..data import to_uint8
from ..errors import InputError
from ..files import atomic_write, make_folder, sha256
from ..pictures import grid, save_png
from ..training import open_run

BATCH = 500


def generate(run, count, to, seed=0, checkpoint="last", device="auto", threads=0):
    """Write `count` generated images into the folder `to`: 000000.png …, grid.png (the first 160) and manifest.jsonl.

    Image i depends on the seed and i alone: the first images of a larger set are those of a smaller one.

    Args:
        run: a run's folder, or its name in `output`. checkpoint: "last", "best", or a step.
        to: a folder that is missing or empty.

    Returns:
        The folder.

    Raises:
        InputError: no such run or checkpoint, a run that makes no images, a folder in use, a count below 1.
    """
    if count < 1:
        raise InputError(f"--count {count}: ask for at least one image")
    to = Path(to).expanduser()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to} is in use: nothing is overwritten; choose an empty or new folder")
    opened = open_run(run, checkpoint, device, threads)
    if not opened.algorithm.latent_dim:
        raise InputError(f"run {opened.folder} makes no images: it trained the algorithm {opened.config.algorithm}")
    make_folder(to)
    weights = opened.folder / "checkpoints" / f"step-{opened.step}" / "weights.safetensors"
    origin = {"run": opened.folder.name, "checkpoint": opened.step, "weights_sha256": sha256(weights), "seed": seed}
    first = []
    with atomic_write(to / "manifest.jsonl", "w") as manifest:
        for start in range(0, count, BATCH):
            images = images_at(opened.algorithm, range(start, min(start + BATCH, count)), seed)
            for offset, image in enumerate(images):
                name = f"{start + offset:06d}.png"
                save_png(to / name, image[0] if len(image) == 1 else image.transpose(1, 2, 0))
                row = {"file": name, "class": class_of(opened, start + offset), "latent": start + offset, **origin}
                manifest.write(json.dumps(row) + "\n")
            if start == 0:
                first = images[:160]
    save_png(to / "grid.png", grid(first))
    return to


def class_of(opened, index):
    """The class that image `index` of a run is asked for by: in turn from a conditional one, else the one it learnt alone, or None."""
    if opened.algorithm.conditional:
        return opened.state["data"]["class_names"][index % opened.algorithm.classes]
    return opened.config.data.class_name


def images_at(algorithm, indices, seed):
    """The images of a seed at `indices`, uint8 [len(indices), C, H, W]; each latent has a generator of its own.

    A conditional algorithm shows the classes in turn: image i is of class i modulo their number.
    """
    latents = np.concatenate([algorithm.latents(1, runtime.rng(seed, "generate", index)) for index in indices])
    labels = np.asarray(indices) % algorithm.classes if algorithm.conditional else None
    return to_uint8(algorithm.images(latents, labels))
