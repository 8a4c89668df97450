"""Variations of real images, from a run that makes them (`dagan`, `learned-augmenter`), as class folders with a
manifest.
"""

import time
from pathlib import Path
from typing import Optional, Sequence, Union

import numpy as np

from .. import runtime
from ..config.arguments import checked
from ..data import DataSpec, LabelledImages, load, to_network, to_uint8
from ..data.class_names import check_class_folders
from ..data.written_set import GRID, MANIFEST, read_manifest, unfinished
from ..errors import InputError
from ..files import atomic_write, check_new_folder, expanded, make_folder
from ..pictures import paired_grid, save_png
from ..runs.opened import Run, open_run
from ..runs.timing import starting
from .dry_run import rehearse_varying
from .summary import GeneratedSet
from .writers import json_line, write_lists

BATCH = 500
SHOWN = 80  # sources in grid.png
PARTS = ("train", "valid")  # test images are nothing to learn from, and so nothing to vary


@checked
def vary(
    run: Union[str, Path, Run],
    *,
    to: Union[str, Path],
    data: Union[str, Path, DataSpec, None] = None,
    part: str = "train",
    classes: Optional[Sequence[Union[str, int]]] = None,
    count: int = 160,
    seed: int = 0,
    checkpoint: Union[str, int] = "last",
    device: str = "auto",
    threads: int = 0,
    dry_run: bool = False,
) -> GeneratedSet:
    """Write variations of real images into a folder: <class>/<index>.png, manifest.jsonl, lists for other programs, and
    grid.png.

    In grid.png each row of sources stands above the row of their variations. The sources are taken in an order drawn by
    the seed, as often in turn as need be. Variation i depends on the seed and i alone.

    Args:
        run: a run's folder, name or opened `Run`.
        to: a folder that is missing or empty.
        data: the real images, by name, path or `DataSpec`; a name or path is read as the run read its own. None = those
            the run learnt.
        part: "train" or "valid".
        classes: take sources of these classes alone, by name or index.
        count: how many variations.
        seed: of the order and of the variations.
        checkpoint, device, threads: as for `open_run`.
        dry_run: as for `generate`.

    Returns:
        A `GeneratedSet`.

    Raises:
        InputError: no such run, data, part or class; a run that makes no variations, or of another shape; a folder in
            use; a count below 1.
    """
    began = time.perf_counter()
    if part not in PARTS:
        raise InputError(f"part is {part}: sources are {' or '.join(PARTS)} images")
    if count < 1:
        raise InputError(f"count is {count}: ask for at least one image")
    to = check_new_folder(expanded(to))
    opened = open_varying(run, checkpoint, device, threads)
    real = _sources(opened, data, part, classes)
    order = runtime.rng(runtime.check_seed(seed), "sources").permutation(len(real))
    check_class_folders([real.class_names[label] for label in np.unique(real.labels[order[:count]])], to)
    if dry_run:
        return rehearse_varying(opened, real, to, count, [starting(time.perf_counter() - began)])
    with unfinished(make_folder(to)):
        _write(opened, real, order, to, count, seed)
        write_lists(to, lambda: ((row["file"], row["class"], "train", True) for row in read_manifest(to)))
    return GeneratedSet.of(to)


def _sources(run: Run, data: Union[str, Path, DataSpec, None], part: str, classes: Optional[Sequence[Union[str, int]]]) -> LabelledImages:
    """The real images that are varied."""
    spec = DataSpec.of(run.config.data).all_classes()
    if data is not None:
        spec = data if isinstance(data, DataSpec) else spec.renamed(data)
    real = load(spec, part)
    if list(real.shape) != run.state["image_shape"]:
        raise InputError(f"{real.source} has images {list(real.shape)}, run {run.folder.name} learnt {run.state['image_shape']}")
    if classes is None:
        return real
    for name in classes:
        real.of_class(name)  # refuses one without images by its name
    return real.of_classes(classes)


def _write(run: Run, real: LabelledImages, order: np.ndarray, to: Path, count: int, seed: int) -> None:
    """Write the variations with their manifest, and grid.png."""
    origin = {"run": run.folder.name, "checkpoint": run.step, "weights_sha256": run.weights_sha256, "seed": seed, "data": real.source}
    with atomic_write(to / MANIFEST, "w") as manifest:
        for start in range(0, count, BATCH):
            places = [int(order[i % len(order)]) for i in range(start, min(start + BATCH, count))]
            images = to_uint8(run.algorithm.vary(to_network(real.images[places]), runtime.rng(seed, "variations", start)))
            for i, (place, image) in enumerate(zip(places, images), start):
                name = real.class_names[real.labels[place]]
                (to / name).mkdir(exist_ok=True)
                save_png(to / name / f"{i:06d}.png", image[0] if len(image) == 1 else image.transpose(1, 2, 0))
                manifest.write(json_line({"file": f"{name}/{i:06d}.png", "class": name, "source": place, **origin}))
            if start == 0:
                save_png(to / GRID, paired_grid(real.images[places[:SHOWN]], images[:SHOWN]))


def open_varying(run: Union[str, Path, Run], checkpoint: Union[str, int] = "last", device: str = "auto", threads: int = 0) -> Run:
    """Open a run that varies images; an opened one stays as it is.

    Raises:
        InputError: it does not vary images.
    """
    opened = run if isinstance(run, Run) else open_run(run, checkpoint=checkpoint, device=device, threads=threads)
    if not opened.algorithm.varies_images:
        raise InputError(f"run {opened.folder} varies no images: it trained the algorithm {opened.config.algorithm}")
    return opened
