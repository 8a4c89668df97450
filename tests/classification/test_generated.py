"""Classifiers grown up: networks, soft labels, mixtures, generated parts, early stop, views, and what is reported."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.continuing import resumable

QUICK = {"train.batch_size": 50, "train.epochs": None, "train.steps": 6, "log.visualdl": False, "checkpoint.every_steps": 3}


def train(folder, source, name="r", resume=False, **overrides):
    overrides = {} if resume else {**QUICK, "data.source": str(source), **overrides}
    return paddle_gan_aug.classify(run=name, output=folder, log=folder / "log", overrides=overrides, quiet=True, resume=resume)


@pytest.mark.parametrize(
    "overrides",
    [
        {"classifier.architecture": "resnet", "classifier.width": 0.25},
        {"classifier.label_smoothing": 0.1},
        {"classifier.class_weights": "balanced"},
        {"classifier.augmentation": "standard", "classifier.mixing": "cutmix"},
        {"classifier.augmentation": "trivialaugment", "classifier.mixing": "mixup"},
        {"classifier.augmentation": "randaugment", "classifier.mixing": "manifold"},
        {"classifier.architecture": "resnet", "classifier.width": 0.25, "classifier.mixing": "mixstyle"},
        {"generated.source": "conditional", "generated.share": 0.3, "generated.per_class": 8, "generated.every_steps": 2},
        {"generated.source": "conditional", "generated.per_class": 8, "generated.weight": 0.5, "classifier.mixing": "mixup"},
        {"generated.source": "conditional", "generated.per_class": 8, "generated.teacher": "classifier"},
    ],
    ids=lambda overrides: "-".join(map(str, overrides.values())),
)
def test_every_way_of_training_resumes_bit_for_bit(tiny, small_mnist, tmp_path, overrides):
    if "generated.source" in overrides:
        overrides = {key: str(tiny[value]) if value in ("conditional", "classifier") else value for key, value in overrides.items()}
    constant = {"optimizer.schedule": "constant"}
    whole = train(tmp_path, small_mnist, "whole", **overrides, **constant)
    run = whole.run
    assert whole.report["test"]["count"] == 100 and whole.accuracy == whole.report["accuracy"]
    half = train(tmp_path, small_mnist, "parts", **overrides, **constant, **{"train.steps": 3}).run
    assert half.step == 3
    options = {"run": "parts", "output": tmp_path, "log": tmp_path / "log", "quiet": True, "resume": True}
    again = paddle_gan_aug.classify(overrides={"train.steps": 6}, **options).run
    for name in ("weights", "optimizers"):
        one, other = (load_file(folder / "checkpoints" / "step-6" / f"{name}.safetensors") for folder in (run.folder, again.folder))
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    if "generated.source" in overrides:
        assert run.state["generated"]["runs"][0]["run"] == "conditional"


def test_the_parts_of_a_batch(tiny, small_mnist):
    """Shares and weights are exact, and a renewed part changes with the round and with nothing else."""
    from paddle_gan_aug.classification.generated import generated_part
    from paddle_gan_aug.runs.batches import training_batches, training_images

    options = {"data.source": str(small_mnist), "train.batch_size": 50, "generated.source": str(tiny["conditional"])}
    options.update({"generated.share": 0.3, "generated.weight": 0.25, "generated.every_steps": 4, "generated.per_class": 3})
    config = load_config("classifier", options)
    images = training_images(config)
    part = generated_part(config, images)
    batches = training_batches(config, images, part)
    batch = batches.batch(5)
    assert len(batch) == 50 and (batch.weights == 1).sum() == 35 and (batch.weights == 0.25).sum() == 15
    assert batches.steps_per_epoch == 500 // 35
    assert part.images(1).counts().tolist() == [3] * 10
    again = training_batches(config, images, generated_part(config, images)).batch(5)
    np.testing.assert_array_equal(batch.images, again.images)
    assert part.images(0).fingerprint() != part.images(1).fingerprint()
    made = {image.tobytes() for image in part.images(1).images}
    assert all(np.rint((image + 1) * 127.5).astype(np.uint8).tobytes() in made for image in batch.images[35:])


def test_a_teacher_s_readings_are_the_labels_that_are_learnt(tiny, small_mnist):
    import paddle

    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.classification.generated import generated_part
    from paddle_gan_aug.runs.batches import training_batches, training_images

    options = {"data.source": str(small_mnist), "train.batch_size": 20}
    options.update({"generated.source": str(tiny["conditional"]), "generated.per_class": 3, "generated.share": 0.5})
    config = load_config("classifier", {**options, "generated.teacher": str(tiny["classifier"]), "classifier.dropout": 0.0})
    images = training_images(config)
    batch = training_batches(config, images, generated_part(config, images)).batch(2)
    teacher = paddle_gan_aug.open_run(tiny["classifier"]).algorithm
    np.testing.assert_allclose(batch.targets[10:], teacher.read(batch.images[10:])[0], atol=1e-6)
    np.testing.assert_array_equal(batch.targets[:10], np.eye(10)[batch.labels[:10]])
    learner = build(config, images.shape, images.class_names)
    logits = learner.classifier(paddle.to_tensor(batch.images)).numpy()
    read = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    learner.begin_step(1, 10)
    loss = float(learner.step([batch], np.random.default_rng(0))["loss"])
    assert loss == pytest.approx(-(batch.targets * np.log(read)).sum(1).mean(), rel=1e-4)
    for name, words in (("5", "reads no images"), ("nowhere", "no run at")):
        with pytest.raises(InputError, match=words):
            generated_part(load_config("classifier", {**options, "generated.teacher": str(tiny.get(name, name))}), images)


def test_a_set_on_disk_as_the_generated_part(here, tiny, small_mnist, tmp_path):
    here("generate", tiny["digits"], "--per-class", 30, "--to", tmp_path / "set")
    command = ["classify", "--data", small_mnist, "--generated", tmp_path / "set", "--generated-share", 0.2, "--steps", 4]
    command += ["--batch-size", 50, "--run"]
    here(*command, "c")
    state = json.loads((here.output / "c" / "checkpoints" / "step-4" / "state.json").read_text())
    assert state["generated"]["count"] == 60 and state["data"]["count"] == 500
    by_key = ["classify", "--data", small_mnist, "--steps", 4, "--batch-size", 50, "--run", "bad"]
    by_key += ["-o", f"generated.source={tmp_path / 'set'}", "generated.share=0.2"]
    bad = [
        (["generated.every_steps=5"], "is no run"),
        (["generated.share=0.01"], "leaves one part empty"),
        ([f"generated.source={tmp_path / 'nowhere'}"], "does not exist"),
        ([f"generated.source={tiny['5']}", "generated.per_class=1"], "fewer|larger than the data"),
    ]
    for override, words in bad:
        done = here(*by_key, *override, code=2)
        assert any(word in done.stderr for word in words.split("|")), done.stderr
        assert not (here.output / "bad").exists()
    refused = here("train", "--data", small_mnist, "-o", f"generated.source={tmp_path / 'set'}", code=2)
    assert "the algorithm classic (unlike classifier) does not read it" in refused.stderr


def test_settings_of_generated_images_without_any_are_refused(small_mnist, tmp_path):
    with pytest.raises(InputError, match="generated images, but there are none"):
        train(tmp_path, small_mnist, **{"generated.share": 0.3})
    assert not (tmp_path / "r").exists()


def test_early_stop_tests_the_best(small_mnist, tmp_path):
    stop = {"eval.every_steps": 2, "classifier.patience": 2, "train.steps": 400, "optimizer.schedule": "constant"}
    tested = train(tmp_path, small_mnist, **stop)
    run, report = tested.run, tested.report
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    best = json.loads((run.folder / "checkpoints" / "best.json").read_text())
    assert report["step"] == best["step"] == run.step
    last = max(int(path.name.split("-")[1]) for path in (run.folder / "checkpoints").glob("step-*"))
    assert last == best["step"] + 2 * 2 < 400
    images = load(str(small_mnist), "valid")
    probabilities, _ = run.algorithm.read(images.images.astype(np.float32) / 127.5 - 1)
    assert best["value"] == pytest.approx((probabilities.argmax(1) == images.labels).mean())
    assert rows[-1]["step"] == last
    with pytest.raises(InputError, match="is finished"):
        resumable(None, run.folder.parent, classifiers=True)
    again = train(tmp_path, small_mnist, resume=True).run  # it has ended and stays so
    assert again.step == best["step"]
    assert max(int(path.name.split("-")[1]) for path in (run.folder / "checkpoints").glob("step-*")) == last


def test_the_report_in_pictures_json_and_on_the_dashboard(cli, small_mnist, tiny, tmp_path):
    from paddle_gan_aug.records.visualdl_file import read_records

    cli("classify", "--data", small_mnist, "--batch-size", 50, "--steps", 4, "--run", "c", "-o", "classifier.test_views=true")
    folder = cli.output / "c" / "report"
    report = json.loads((folder / "classification.json").read_text())
    assert report["test_views"] is True
    matrix = np.array(report["confusion_matrix"])
    for c in range(10):
        expected = matrix[c, c] / matrix[c].sum()
        assert report["recall"][str(c)] == pytest.approx(expected)
    assert Image.open(folder / "per-class.png").size[0] > 400
    tags = [value.tag for _, value in read_records(cli.log / "c" / "report" / "vdlrecords.c.log")]
    assert "confusion" in tags and "per-class" in tags
    curves = [value.tag for _, value in read_records(cli.log / "c" / "metrics" / "vdlrecords.c.log")]
    assert curves  # the report does not cut them


def test_views_are_averaged(tiny, small_mnist):
    from paddle_gan_aug.augment.policies import views_at_test_time
    from paddle_gan_aug.runs.reading import read_probabilities

    run = paddle_gan_aug.open_run(tiny["classifier"])
    images = load(str(small_mnist), "valid").images[:7]
    single = read_probabilities(run, images)
    run.config.classifier.test_views = True
    averaged = read_probabilities(run, images)
    views = views_at_test_time(images, run.algorithm.policy)
    one_by_one = [run.algorithm.read(view.astype(np.float32) / 127.5 - 1)[0] for view in views]
    np.testing.assert_allclose(averaged, np.mean(one_by_one, axis=0), atol=1e-6)
    assert np.abs(averaged - single).max() > 1e-4


def test_predict(here, tiny, small_mnist, tmp_path):
    images = load(str(small_mnist), "test")
    (tmp_path / "pictures").mkdir()
    for i in range(5):
        Image.fromarray(images.images[i, 0]).resize((56, 56)).save(tmp_path / "pictures" / f"{i}.png")
    done = here("predict", tiny["classifier"], tmp_path / "pictures")
    told = "5 of 5 pictures were made like those that were learnt: 28×28 pixels, grey"
    assert done.stderr.strip() == f"{told} (from 56×56 grey)"
    lines = done.stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["file"] for row in rows] == [f"{tmp_path}/pictures/{i}.png" for i in range(5)]
    assert all(row["class"] in images.class_names and 0.1 <= row["probability"] <= 1 for row in rows)
    assert json.loads(here("predict", tiny["classifier"], tmp_path / "pictures", "--json").stdout) == rows
    both = here("predict", tiny["classifier"], tmp_path / "pictures", "--csv", "--json", code=2)
    assert "give one of them" in both.stderr and len(both.stderr.strip().splitlines()) == 1 and not both.stdout
    table = list(csv.DictReader(here("predict", tiny["classifier"], tmp_path / "pictures", "--csv").stdout.splitlines()))
    assert [(row["file"], row["class"]) for row in table] == [(row["file"], row["class"]) for row in rows]
    (tmp_path / "mixed").mkdir()
    for i, (width, height, mode) in enumerate([(28, 28, "L"), (40, 30, "RGB"), (28, 28, "RGB"), (56, 56, "L"), (99, 70, "L")]):
        Image.fromarray(images.images[i, 0]).resize((width, height)).convert(mode).save(tmp_path / "mixed" / f"{i}.png")
    said = here("predict", tiny["classifier"], tmp_path / "mixed").stderr
    assert "4 of 5 pictures were made" in said and "(from 28×28 colour, 40×30 colour, 56×56 grey and 1 more)" in said
    np.savez(tmp_path / "images.npz", images=images.images[:5])
    found = paddle_gan_aug.predict(tiny["classifier"], tmp_path / "images.npz")
    assert [row.file for row in found] == [f"{tmp_path}/images.npz:{i}" for i in range(5)]
    one = here("predict", tiny["classifier"], tmp_path / "pictures" / "3.png").stdout
    assert json.loads(one)["file"] == f"{tmp_path}/pictures/3.png"
    several = [tmp_path / "images.npz", tmp_path / "pictures", tmp_path / "pictures" / "3.png"]
    both = [json.loads(line) for line in here("predict", tiny["classifier"], *several).stdout.splitlines()]
    names = [*(f"{tmp_path}/images.npz:{i}" for i in range(5)), *(f"{tmp_path}/pictures/{i}.png" for i in range(5))]
    assert [row["file"] for row in both] == [*names, f"{tmp_path}/pictures/3.png"] and [row["class"] for row in both[5:10]] == [
        row["class"] for row in rows
    ]
    run = paddle_gan_aug.open_run(tiny["classifier"])
    probabilities, _ = run.algorithm.read(images.images[:5].astype(np.float32) / 127.5 - 1)
    assert [row.class_name for row in found] == [images.class_names[c] for c in probabilities.argmax(1)]
    assert [row.probability for row in found] == pytest.approx(probabilities.max(1).tolist(), abs=1e-5)
    (tmp_path / "pictures" / "6.png").write_text("no picture")
    assert "data.skip_bad" in here("predict", tiny["classifier"], tmp_path / "pictures", code=2).stderr
    skipping = here("predict", tiny["classifier"], tmp_path / "pictures", "--skip-bad")
    assert skipping.stdout.splitlines() == lines and "6.png" in skipping.stderr
    (tmp_path / "text.png").write_text("no picture")
    for path, words in ((tmp_path / "nowhere", "does not exist"), (tmp_path / "text.png", "not an image")):
        assert words in here("predict", tiny["classifier"], path, code=2).stderr
    assert "reads no images" in here("predict", tiny["5"], tmp_path / "pictures", code=2).stderr


def test_a_classifier_goes_on_with_the_generated_images_it_learnt(tiny, small_mnist, tmp_path):
    made = paddle_gan_aug.generate(tiny["conditional"], per_class=4, to=tmp_path / "made").folder
    train(tmp_path, small_mnist, **{"generated.source": str(made), "train.steps": 3})
    (picture,) = list((made / "3").glob("*.png"))[:1]
    Image.fromarray(np.full((28, 28), 99, np.uint8)).save(picture)
    options = {"run": "r", "output": tmp_path, "log": tmp_path / "log", "quiet": True, "resume": True, "overrides": {"train.steps": 6}}
    with pytest.raises(InputError, match="the generated images of run r have changed .* allow_changed_data"):
        paddle_gan_aug.classify(**options)
    assert not (tmp_path / "r" / "checkpoints" / "step-6").exists()
    assert paddle_gan_aug.classify(**options, allow_changed_data=True).run.step == 6


def test_images_of_the_data_are_no_generated_part(here, small_mnist, tmp_path, capsys):
    """An augmented set beside its own data: what the data holds out is not learnt, and test images are refused."""
    from paddle_gan_aug.classification.generated import generated_part

    train_part, valid, test = (load(str(small_mnist), part) for part in ("train", "valid", "test"))
    made = 255 - train_part.images[:50]
    written = {"images": [*train_part.images, *valid.images, *made], "labels": [*train_part.labels, *valid.labels, *train_part.labels[:50]]}
    np.savez(tmp_path / "set.npz", **{name: np.array(values) for name, values in written.items()})
    config = load_config("classifier", {**QUICK, "data.source": str(small_mnist), "generated.source": str(tmp_path / "set.npz")})
    part = generated_part(config, train_part)
    assert len(part.stored) == 550  # without the manifest of a written set its training images stay
    assert "100 of its 650 images are in" in capsys.readouterr().err
    np.savez(tmp_path / "own.npz", images=valid.images, labels=valid.labels)
    with pytest.raises(InputError, match="holds no generated image"):
        generated_part(load_config(config, {"generated.source": str(tmp_path / "own.npz")}), train_part)
    np.savez(tmp_path / "test.npz", images=test.images, labels=test.labels)
    command = ["classify", "--data", small_mnist, "--generated", tmp_path / "test.npz", "--steps", 4, "--batch-size", 50, "--run", "r"]
    for more in ([], ["--dry-run"]):
        done = here(*command, *more, code=2)
        assert "100 of the 100 test images" in done.stderr and "images of the generated part" in done.stderr
        assert not (here.output / "r").exists()


def test_every_validation_is_recorded(small_mnist, tmp_path):
    """Between the steps that are logged too: the step that patience chose is in the records."""
    often = {"eval.every_steps": 7, "classifier.patience": 50, "train.steps": 30, "log.every_steps": 20}
    run = train(tmp_path, small_mnist, **often).run
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval/accuracy" in row] == [7, 14, 21, 28, 30]
    assert [row["step"] for row in rows] == [1, 7, 14, 20, 21, 28, 30]


def test_patience_without_validations_is_refused(here, small_mnist):
    done = here("classify", "--data", small_mnist, "--steps", 4, "--patience", 3, "--run", "r", code=2)
    assert "--patience (classifier.patience) counts validations, and there are none: set --eval-every (eval.every_steps)" in done.stderr
    assert not (here.output / "r").exists()


def test_a_run_that_patience_has_stopped_says_so(small_mnist, tmp_path, capsys):
    stop = {"eval.every_steps": 1, "classifier.patience": 1, "train.steps": 200, "optimizer.schedule": "constant"}
    step = train(tmp_path, small_mnist, **stop).run.step
    options = {"run": "r", "output": tmp_path, "log": tmp_path / "log", "resume": True}
    again = paddle_gan_aug.classify(overrides={"train.steps": 400}, **options)
    said = capsys.readouterr()
    assert again.run.step <= step and "classifier.patience has stopped this run at step" in said.out + said.err
