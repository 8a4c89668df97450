"""`evaluate` from end to end: a run, files, the page; every unfit input one clear line; the best checkpoint kept."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import load, read_images
from paddle_gan_aug.evaluation import feature_network
from paddle_gan_aug.evaluation import reference as references
from paddle_gan_aug.evaluation.registry import METRICS

KEYS = {name for name, row in METRICS.items() if not row.on_request and not row.needs}


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "valid").subset(range(300)).images


def write_folder(folder, images, classes=None):
    for number, image in enumerate(images):
        place = folder if classes is None else folder / classes[number]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(place / f"{number:03d}.png")
    return folder


def test_a_run_is_measured_and_gets_a_page(cli, small, small_mnist):
    cli("train", *small, "--steps", 2, "--run", "r")
    done = cli("evaluate", cli.output / "r", "--count", 200, "--part", "valid", "--json")
    result = json.loads(done.stdout)
    assert set(result) >= KEYS
    assert all("floor" in result[name] for name in KEYS - {"memorisation"})
    assert (result["count"], result["reference"]["part"]) == (200, "valid")
    assert 0.98 < result["feature_network"]["accuracy"] < 1
    page = cli.output / "r" / "report" / "evaluation-2"
    assert result["page"] == str(page / "index.html")
    assert {path.name for path in page.iterdir()} == {
        *("index.html", "evaluation.json", "samples.png", "neighbours.png", "classes.png", "pca.png")
    }
    assert f"{result['frechet']['value']:.4g}" in (page / "index.html").read_text()
    assert {**json.loads((page / "evaluation.json").read_text()), "page": result["page"]} == result


@pytest.mark.parametrize("form", ["folder", "npz", "npz float", "npz channels last"])
def test_real_images_from_files_are_at_the_floor(cli, digits, tmp_path, form):
    if form == "folder":
        given = write_folder(tmp_path / "images", digits)
    else:
        given = tmp_path / "images.npz"
        scaled = digits / 127.5 - 1 if form == "npz float" else digits.transpose(0, 2, 3, 1) if form == "npz channels last" else digits
        np.savez(given, images=scaled.astype("float32") if form == "npz float" else scaled)
    result = json.loads(cli("evaluate", given, "--json").stdout)
    assert result["count"] == 300
    assert result["page"] is None
    assert result["frechet"]["value"] < 2.5 * result["frechet"]["floor"]
    assert result["precision"]["value"] > 0.85
    assert not result["memorisation"]["copied"]


def test_the_table_names_what_the_numbers_stand_on(cli, digits, tmp_path):
    done = cli("evaluate", write_folder(tmp_path / "images", digits), "--to", tmp_path / "page")
    assert "300 images against 300 test images of mnist" in done.stdout
    assert "accuracy 99." in done.stdout
    assert "real floor" in done.stdout
    assert (tmp_path / "page" / "index.html").exists()


def test_class_folders_give_labels(tmp_path, digits):
    names = ["7" if number % 2 else "3" for number in range(20)]
    images, labels, classes = read_images(write_folder(tmp_path / "images", digits[:20], names))
    assert classes == ("3", "7")
    assert images.shape == (20, 1, 28, 28)
    assert labels.tolist() == [0] * 10 + [1] * 10


def unfit(tmp_path, digits):
    """{name: (path, words of the message)}."""

    def npz(name, **arrays):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        return tmp_path / f"{name}.npz"

    colour = write_folder(tmp_path / "colour", digits[:5])
    Image.new("RGB", (28, 28)).save(colour / "colour.png")
    large = write_folder(tmp_path / "large", digits[:5])
    Image.new("L", (32, 32)).save(large / "large.png")
    mixed = write_folder(tmp_path / "mixed", digits[:5], ["3"] * 5)
    Image.new("L", (28, 28)).save(mixed / "stray.png")
    broken = write_folder(tmp_path / "broken", digits[:5])
    (broken / "broken.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    return {
        "few": (write_folder(tmp_path / "few", digits[:1]), "1 generated images are too few"),
        "empty": (tmp_path / "empty", "there is no image"),
        "colour": (colour, "grey"),
        "large": (large, "32 x 32 pixels"),
        "mixed": (mixed, "belongs to no class"),
        "broken": (broken, "broken.png (not an image)"),
        "missing": (tmp_path / "nowhere", "does not exist"),
        "size": (npz("size", images=np.zeros((300, 1, 32, 32), "uint8")), "1 x 32 x 32 and 1 x 28 x 28"),
        "channels": (npz("channels", images=np.zeros((300, 3, 28, 28), "uint8")), "3 x 28 x 28 and 1 x 28 x 28"),
        "nan": (npz("nan", images=np.full((300, 28, 28), np.nan, "float32")), "not finite"),
        "range": (npz("range", images=np.full((300, 28, 28), -3.0, "float32")), "has pixels from -3"),
        "no array": (npz("none", pictures=np.zeros((3, 28, 28), "uint8")), "has no array named images"),
        "objects": (npz("objects", images=np.array([{}, None], dtype=object)), "cannot be read"),
    }


NAMES = ["few", "empty", "colour", "large", "mixed", "broken", "missing", "size", "channels", "nan", "range", "no array", "objects"]


def test_unfit_input_is_one_clear_line(tmp_path, digits, capsys):
    from paddle_gan_aug.cli.main import main

    cases = unfit(tmp_path, digits)
    assert list(cases) == NAMES
    for name, (path, words) in cases.items():
        assert main(["evaluate", str(path)]) == 2, name
        said = capsys.readouterr().err.strip()
        assert words in said, said
        assert [line.startswith("paddle_gan_aug evaluate: ") for line in said.splitlines()].count(True) == 1


def test_a_manifest_leads_and_may_not_lead_outside(tmp_path, digits):
    folder = write_folder(tmp_path / "images", digits[:3])
    Image.new("L", (99, 9)).save(folder / "grid.png")
    (folder / "manifest.jsonl").write_text("".join(json.dumps({"file": f"{i:03d}.png"}) + "\n" for i in range(3)))
    assert len(read_images(folder)[0]) == 3
    (folder / "manifest.jsonl").write_text('{"file": "../outside.png"}\n')
    with pytest.raises(Exception, match="outside the folder"):
        read_images(folder)


def test_the_best_checkpoint_is_kept_and_can_be_used(cli, small, small_mnist):
    every = ["eval.count=200", "checkpoint.every_steps=2", "checkpoint.keep=1"]
    said = cli("train", *small, *every, "--steps", 8, "--eval-every", 4, "--run", "r").stderr.splitlines()
    assert [line.split(":")[0] for line in said if line.startswith("evaluation")] == ["evaluation at step 4", "evaluation at step 8"]
    folder = cli.output / "r" / "checkpoints"
    best = json.loads((folder / "best.json").read_text())
    rows = [json.loads(line) for line in (cli.output / "r" / "metrics.jsonl").read_text().splitlines()]
    measured = {row["step"]: row["eval/frechet"] for row in rows if "eval/frechet" in row}
    assert set(measured) == {4, 8}
    assert best == {"step": min(measured, key=measured.get), "metric": "frechet", "value": min(measured.values())}
    assert {path.name for path in folder.iterdir()} == {"best.json", "step-8", f"step-{best['step']}"}
    cli("generate", cli.output / "r", "--count", 2, "--checkpoint", "best", "--to", cli.folder / "images")
    row = json.loads((cli.folder / "images" / "manifest.jsonl").read_text().splitlines()[0])
    assert row["checkpoint"] == best["step"]
    cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "unmeasured")
    none = cli("generate", cli.output / "unmeasured", "--checkpoint", "best", "--to", cli.folder / "none", code=2)
    assert "no best checkpoint" in none.stderr


def test_a_small_test_set_is_measured_by_what_it_allows(here, small_mnist, digits, tmp_path, monkeypatch):
    from paddle_gan_aug.evaluation import feature_network

    monkeypatch.setattr(feature_network, "LEAST_STEPS", 20)
    monkeypatch.setattr(feature_network, "EPOCHS", 1)
    np.savez(tmp_path / "images.npz", images=digits[:60])
    done = here("evaluate", tmp_path / "images.npz", "--data", small_mnist, "--to", tmp_path / "page", "--tsne")
    why = "needs 168 generated and 168 real images (twice the 84 features), there are 60 and 60"
    assert done.stdout.splitlines()[-2] == f"not measured: frechet: {why}"
    result = json.loads((tmp_path / "page" / "evaluation.json").read_text())
    assert result["frechet"]["value"] is None and result["frechet"]["why"] == why
    assert all(result[name]["value"] is not None for name in KEYS - {"frechet"})
    page = (tmp_path / "page" / "index.html").read_text()
    assert f"not measured: {why}" in page and "tsne.png" in page
    three = json.loads(here("evaluate", write_folder(tmp_path / "three", digits[:3]), "--data", small_mnist, "--json").stdout)
    assert {name for name in KEYS if three[name]["value"] is None} == {"frechet", "kid", "precision", "recall", "density", "coverage"}


def test_each_part_of_the_data_is_read_once(here, tiny, tmp_path, reads):
    """Of a run of all classes, of a run of one class, and of class folders, with their page."""
    import paddle_gan_aug

    for run in ("conditional", "5"):
        reads.forget()
        found = paddle_gan_aug.evaluate(tiny[run], count=20, to=tmp_path / run, quiet=True)
        assert reads.each_once() and found.page.exists()
        assert found.result["agreement"]["value"] is not None, "the labels are what each image was asked for"
    digits = load("mnist", "valid").subset(range(40))
    folder = write_folder(tmp_path / "images", digits.images, [str(label) for label in digits.labels])
    reads.forget()
    found = paddle_gan_aug.evaluate(folder, to=tmp_path / "page", quiet=True)
    assert reads.each_once() and found.page.exists()
    assert found.result["agreement"]["value"] > 0.9
    assert found.table().startswith("40 images against 40 test images of mnist")


def test_metrics_by_name(here, digits, tmp_path):
    import paddle_gan_aug

    np.savez(tmp_path / "images.npz", images=digits[:50])
    found = paddle_gan_aug.evaluate(tmp_path / "images.npz", metrics=["kid"], to=tmp_path / "page", quiet=True)
    assert list(found.values) == ["kid"] and not (tmp_path / "page" / "classes.png").exists() and found.page.exists()


def test_a_cache_that_cannot_be_written_costs_one_line(here, digits, tmp_path, monkeypatch):
    """The cache would be below a file; of a user without rights the cause is another."""
    folder, images = tmp_path / "real", write_folder(tmp_path / "made", digits[200:])
    for part, some in (("train", slice(0, 150)), ("test", slice(150, 200))):
        write_folder(folder / part, digits[some], [str(number % 2) for number in range(150)])
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(feature_network, "LEAST_STEPS", 12)
    told, results = {}, {}
    for name, cache in (("kept", tmp_path / "cache"), ("not", tmp_path / "file" / "cache")):
        monkeypatch.setenv("PADDLE_GAN_AUG_CACHE", str(cache))
        for kept in ("_networks", "_references"):
            monkeypatch.setattr(references, kept, {})
        done = here("evaluate", images, "--data", folder, "--json")
        results[name] = {key: value for key, value in json.loads(done.stdout).items() if key not in ("seconds", "time")}
        told[name] = [line for line in done.stderr.splitlines() if line.startswith("the cache ")]
    assert results["kept"] == results["not"] and results["not"]["diversity"]["value"] > 0
    cure = "what it would keep is made again each time; name a folder that can be: runtime.cache, or the variable PADDLE_GAN_AUG_CACHE"
    assert told == {"kept": [], "not": [f"the cache {tmp_path / 'file' / 'cache'} cannot be written (Not a directory): {cure}"]}


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_measured(here, tiny, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny["conditional"], tmp_path / "r")
    shutil.rmtree(folder / "report", ignore_errors=True)
    (folder / "report").write_text("")
    monkeypatch.setattr("paddle_gan_aug.runs.evaluate.measure", lambda *given, **options: pytest.fail("it was measured"))
    assert "is a file of that name; choose another" in here("evaluate", folder, "--count", 50, code=2).stderr
