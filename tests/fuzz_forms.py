"""The forms of files that are fuzzed: small valid ones, and how each is read."""

import gzip
import json
import shutil

import numpy as np

SIDE, PER_CLASS = 12, 4


def _images(count=3 * PER_CLASS, side=SIDE):
    images = np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8)
    images[:, :2] = 0
    return images


def _labels(count=3 * PER_CLASS):
    return np.arange(count) % 3


def _npz(folder):
    np.savez(folder / "data.npz", images=_images(), labels=_labels(), class_names=np.array(["a", "b", "c"]))
    return folder / "data.npz"


def _npz_of_parts(folder):
    images, labels = _images() / 255.0, np.eye(3)[_labels()]
    np.savez_compressed(folder / "data.npz", x_train=images, y_train=labels, x_test=images[:6], y_test=labels[:6])
    return folder / "data.npz"


def _idx(folder):
    from paddle_gan_aug.data import idx_file_names, write_idx

    for part, count in (("train", 12), ("test", 6)):
        images, labels = idx_file_names(part)
        write_idx(folder / f"{images}.gz", _images(count))
        write_idx(folder / labels, _labels(count).astype(np.uint8))
    return folder


def _json(folder):
    from paddle_gan_aug.data import write_mnist_json

    images = _images(3, 28)[:, None]
    write_mnist_json(folder / "data.json.gz", {"train": (images, [0, 1, 2]), "test": (images[:1], [1])}, "[0,1]")
    return folder / "data.json.gz"


def _plain_json(folder):
    with gzip.open(_json(folder)) as file:
        (folder / "data.json").write_bytes(file.read())
    (folder / "data.json.gz").unlink()
    return folder / "data.json"


SAVED = {  # pictures of many kinds: name -> options
    "0.png": {},
    "1.jpg": {},
    "2.gif": {},
    "3.bmp": {},
    "4.webp": {"lossless": True},
    "5.tif": {"compression": "tiff_deflate"},
    "6.ppm": {},
    "7.tif": {},
    "8.webp": {},
    "9.jpg": {"progressive": True},
    "10.png": {"transparency": 255},
    "11": {"format": "PNG"},
}


def _class_folders(folder, root="data"):
    from PIL import Image

    for i, (image, (name, options)) in enumerate(zip(_images(), SAVED.items())):
        place = folder / root / "abc"[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / name, **options)
    return folder / root


def _deep(folder):
    from PIL import Image

    for i, image in enumerate(_images()):
        place = folder / "data" / "abc"[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        if i % 2:
            Image.fromarray(image.astype(np.uint16) * 257).save(place / f"{i}.{'png' if i % 3 else 'tif'}")
        else:
            wide = np.repeat(image[..., None], 3, 2).astype(">u2") * 257
            (place / f"{i}.ppm").write_bytes(b"P6 %d %d 65535\n" % (SIDE, SIDE) + wide.tobytes())
    return folder / "data"


def _parts(folder):
    _class_folders(folder, "data/train")
    _class_folders(folder, "data/test")
    return folder / "data"


def _list(folder):
    root = _class_folders(folder)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    (root / "list.txt").write_text("".join(f"{file.relative_to(root)} {file.parent.name}\n" for file in files))
    return root / "list.txt"


def _set(folder):
    root = _class_folders(folder)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    rows = [{"file": str(file.relative_to(root)), "class": file.parent.name, "seed": 0, "index": i} for i, file in enumerate(files)]
    (root / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def _set_of_npz(folder):
    np.savez(folder / "images.npz", images=_images()[:, None], labels=_labels(), class_names=np.array(["a", "b", "c"]))
    rows = [{"file": "images.npz", "index": i, "class": "abc"[i % 3]} for i in range(12)]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _yaml(folder):
    from paddle_gan_aug.config.loading import load_config, to_yaml

    overrides = {"data.window": [0, 255], "data.classes": [1, "b"], "data.background": "white"}
    (folder / "config.yaml").write_text(to_yaml(load_config("projection", overrides)))
    return folder / "config.yaml"


def _run(folder):
    import paddle_gan_aug

    np.savez(folder / "data.npz", images=_images(24, 28), labels=_labels(24))
    small = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 4, "train.steps": 2, "log.visualdl": False}
    small = {**small, "data.source": str(folder / "data.npz"), "checkpoint.every_steps": 1, "log.grid_images": 8, "log.every_steps": 1}
    run = paddle_gan_aug.train("projection", run="run", output=folder, log=folder / "log", overrides=small, quiet=True).folder
    used = {"rung": "instance-noise", "from_step": 1, "alarm_step": 2, "alarms": ["x"]}
    (run / "recovery.json").write_text(json.dumps({"used": [used], "failed": None}))
    (run / "checkpoints" / "best.json").write_text('{"step": 2, "metric": "frechet", "value": 1.5}')
    shutil.rmtree(folder / "log", ignore_errors=True)
    return run


# ---- how they are read ---------------------------------------------------------------------------------------------------


def _read_data(path, **reading):
    from paddle_gan_aug.data import DataSpec, load, load_test, read_images

    spec = DataSpec(str(path), image_size=16, channels=1, **reading)
    _allowed(lambda: load(spec))
    _allowed(lambda: read_images(path))
    return _allowed(lambda: load_test(spec))


def _read_pictures(path):
    from paddle_gan_aug.data import DataSpec, load, load_test

    _allowed(lambda: load(path))
    _allowed(lambda: load_test(DataSpec(str(path), image_size=16, skip_bad=True, channels=3, fit="pad", background=9)))
    return _allowed(lambda: load_test(DataSpec(str(path), image_size=16, channels=1, window=(0, 300), background="white")))


def _read_deep(path):
    from paddle_gan_aug.data import DataSpec, load_test

    _allowed(lambda: load_test(DataSpec(str(path), image_size=16, channels=1, window=(0, 65535), skip_bad=True)))
    return _allowed(lambda: load_test(DataSpec(str(path), channels=3, window=(0, 65535))))


def _read_npz(path):
    from paddle_gan_aug.data import read_images

    _read_data(path)
    _read_data(path, window=(0, 1))
    return _allowed(lambda: read_images(path))


def _read_set(path):
    from paddle_gan_aug.data import DataSpec, load_test, read_images

    _allowed(lambda: read_images(path, 16, 1))
    return _allowed(lambda: load_test(DataSpec(str(path), image_size=16, channels=1, background="black")))


def _read_yaml(path):
    from paddle_gan_aug.config.loading import load_config, to_flat, to_yaml
    from paddle_gan_aug.data import DataSpec

    def read():
        config = load_config(path)
        to_flat(config), to_yaml(config), DataSpec.of(config.data)

    return _allowed(read)


def _read_run(path):
    from paddle_gan_aug.config.loading import load_config
    from paddle_gan_aug.records.metrics_file import read_metrics
    from paddle_gan_aug.runs.continuing import continued_config, resumable
    from paddle_gan_aug.runs.opened import open_run
    from paddle_gan_aug.runs.places import run_folder
    from paddle_gan_aug.training.checkpoint import best_step
    from paddle_gan_aug.training.recovery import Recovery

    _allowed(lambda: read_metrics(path / "metrics.jsonl"))
    _allowed(lambda: Recovery(path).config(load_config(path / "config.yaml")))
    _allowed(lambda: best_step(path / "checkpoints"))
    _allowed(lambda: resumable(None, path.parent))
    _allowed(lambda: continued_config(run_folder(path), {"train.steps": 9}))
    return _allowed(lambda: open_run(path, threads=1))


class Wrong(Exception):
    """An error that is none of those allowed."""


def _allowed(read):
    """Whether a reader gives a value; False: it refuses in one line."""
    from paddle_gan_aug.errors import InputError, RunFailed

    try:
        read()
        return True
    except (InputError, RunFailed) as error:
        if "\n" in str(error) or len(str(error)) > 3000:
            raise Wrong(f"a message of {len(str(error).splitlines())} lines, {len(str(error))} characters: {str(error)[:300]}") from None
        return False


FORMS = {  # name -> (the valid files, how they are read: whether the last of several ways gives a value)
    "npz": (_npz, _read_npz),
    "npz-parts": (_npz_of_parts, _read_npz),
    "idx": (_idx, _read_data),
    "json.gz": (_json, _read_data),
    "json": (_plain_json, _read_data),
    "class-folders": (_class_folders, _read_pictures),
    "deep": (_deep, _read_deep),
    "parts": (_parts, lambda path: _read_data(path, background="white")),
    "list": (_list, lambda path: _read_data(path, background="white")),
    "set": (_set, _read_set),
    "set-npz": (_set_of_npz, _read_set),
    "yaml": (_yaml, _read_yaml),
    "run": (_run, _read_run),
}
