"""Variations of real images, from a run that makes them (`dagan`, `learned-augmenter`), as class folders with a manifest."""

from pathlib import Path

import numpy as np

from .. import runtime
from ..data import DataSpec, load, to_network, to_uint8
from ..data.class_names import class_folder
from ..data.written_set import read_manifest
from ..errors import InputError
from ..files import atomic_write, make_folder, sha256
from ..pictures import paired_grid, save_png
from ..runs.opened import open_run
from .writers import json_line, write_lists

BATCH = 500
PARTS = ("train", "valid")  # test images are nothing to learn from, and so nothing to vary


def vary(run, data, to, count=160, part="train", classes=None, seed=0, checkpoint="last", device="auto", threads=0):
    """Write `count` variations of real images into the folder `to`: <class>/<index>.png, manifest.jsonl, and grid.png, where each row
    of sources stands above the row of their variations.

    The sources are taken in an order drawn by the seed, as often in turn as need be. Variation i depends on the seed and i alone.

    Args:
        run: a run's folder, or its name in `output`. checkpoint: "last", "best", or a step.
        data: the real images, a `DataSpec` or its name; None = those the run learnt. part: "train" or "valid".
        classes: of these alone, by name or index. to: a folder that is missing or empty.

    Returns:
        The folder.

    Raises:
        InputError: no such run, data, part or class; a run that makes no variations, or of another shape; a folder in use.
    """
    if part not in PARTS:
        raise InputError(f"--part {part}: sources are {' or '.join(PARTS)} images")
    to = Path(to).expanduser()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder")
    opened = open_varying(run, checkpoint, device, threads)
    learnt = DataSpec.of(opened.config.data).all_classes()
    real = load(learnt if data is None else learnt.renamed(data), part)
    if list(real.shape) != opened.state["image_shape"]:
        raise InputError(f"{real.source} has images {list(real.shape)}, run {opened.folder.name} learnt {opened.state['image_shape']}")
    if classes is not None:
        for name in classes:
            real.of_class(name)  # refuses one without images by its name
        real = real.of_classes(classes)
    order = runtime.rng(seed, "sources").permutation(len(real))
    for label in np.unique(real.labels[order[:count]]):
        class_folder(real.class_names[label])  # refused before there is a folder
    make_folder(to)
    weights = opened.folder / "checkpoints" / f"step-{opened.step}" / "weights.safetensors"
    origin = {"run": opened.folder.name, "checkpoint": opened.step, "weights_sha256": sha256(weights), "seed": seed, "data": real.source}
    with atomic_write(to / "manifest.jsonl", "w") as manifest:
        for start in range(0, count, BATCH):
            places = [int(order[i % len(order)]) for i in range(start, min(start + BATCH, count))]
            images = to_uint8(opened.algorithm.vary(to_network(real.images[places]), runtime.rng(seed, "variations", start)))
            for i, (place, image) in enumerate(zip(places, images), start):
                name = real.class_names[real.labels[place]]
                (to / name).mkdir(exist_ok=True)
                save_png(to / name / f"{i:06d}.png", image[0] if len(image) == 1 else image.transpose(1, 2, 0))
                manifest.write(json_line({"file": f"{name}/{i:06d}.png", "class": name, "source": place, **origin}))
            if start == 0:
                save_png(to / "grid.png", paired_grid(real.images[places[:80]], images[:80]))
    write_lists(to, lambda: ((row["file"], row["class"], "train", True) for row in read_manifest(to)))
    return to


def open_varying(run, checkpoint="last", device="auto", threads=0):
    """`open_run` for a run that varies images.

    Raises:
        InputError: it does not.
    """
    opened = open_run(run, checkpoint=checkpoint, device=device, threads=threads)
    if not opened.algorithm.varies_images:
        raise InputError(f"run {opened.folder} varies no images: it trained the algorithm {opened.config.algorithm}")
    return opened
