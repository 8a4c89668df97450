"""The speed bench: honest book-keeping of stages, contenders that do the same maths, one entry per step."""

import importlib.util
import json

import pytest

TINY = ["-o", "generator.width=0.05", "discriminator.width=0.05", "train.batch_size=20"]


def test_a_stage_inside_another_counts_once(monkeypatch):
    from benchmarks.speed import stopwatch

    clock = iter([0.0, 1.0, 1.5, 2.0, 5.0, 9.0, 10.0])  # seconds at each look
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
    watch = stopwatch.Stopwatch()

    class Work:
        def part(self):
            return "done"

    work = Work()
    watch.wrap(work, "part", "inner")
    with watch.stage("outer"):  # 0 to 5
        assert work.part() == "done"  # 1 to 1.5
        pass
    # outer: looks at 0 and 2; inner at 1 and 1.5
    assert watch.read() == {"inner": 500.0, "outer": 1500.0}
    with watch.stage("outer"):  # 5 to 9
        pass
    assert watch.read() == {"outer": 4000.0}
    assert watch.read() == {}


def test_a_presets_step_by_stage_with_its_sampling_and_a_run(cli):
    result = json.loads(cli("benchmarks", "--json", "--steps", "fast transpose", "--turns", 1, *TINY).stdout)
    (entry,) = result["entries"]
    assert (entry["preset"], entry["variant"], entry["batch"]) == ("fast", "transpose", 20)
    stages = entry["stages_ms"]
    assert set(stages) == {"data", "D real", "D fake", "G", "optimizers", "average", "rest"}
    assert sum(stages.values()) == pytest.approx(entry["step_ms"], rel=0.3)
    assert entry["images_per_second"] == pytest.approx(20 * 1000 / entry["step_ms"], rel=0.01)
    run = entry["run"]
    assert {"Recorder", "Grids", "Checkpoints"} <= set(run["shares"])
    assert 0 < sum(run["shares"].values()) < 1
    assert run["first_step_seconds"] > 0
    assert run["peak_mb"] > 100
    assert result["machine"]["cores"] >= 1


def test_beside_the_original_step(cli, tmp_path):
    stored = tmp_path / "original.json"
    cli("benchmarks", "--against", "original", "--steps", "fast transpose", "fast upsample", "--turns", 1, "--to", stored, *TINY)
    first, second = json.loads(stored.read_text())["entries"]
    assert (first["step"], second["step"]) == ("fast transpose", "fast upsample")
    assert first["ratio"] == pytest.approx(first["original_ms"] / first["paddle_ms"], rel=0.02)
    assert first["ratio"] > 0
    assert first["peer"]["cpu_tuning"] is False
    assert first["process"]["cpu_tuning"] is True


def test_beside_pytorch_from_equal_weights(cli):
    pytest.importorskip("torch")
    result = json.loads(cli("benchmarks", "--json", "--against", "pytorch", "--steps", "fast upsample", "mlp", "--turns", 1).stdout)
    for entry in result["entries"]:
        assert entry["largest_loss_difference"] < 1e-4
        assert entry["limit_ms"] == pytest.approx(1000 * entry["gflop"] / entry["matrix_gflops"], rel=0.02)
        assert entry["pytorch_ms"] == min(entry["peers_ms"].values())
        assert entry["ratio"] == pytest.approx(entry["pytorch_ms"] / entry["paddle_ms"], rel=0.05)
    assert set(result["entries"][0]["peers_ms"]) == {"contiguous", "channels_last"}
    assert result["entries"][0]["generation"]["paddle"] > 0


def test_more_steps_and_layers_beside_pytorch(cli):
    pytest.importorskip("torch")
    steps = ["sngan-projection", "r3gan", "r3gan-projection", "lenet", "lenet-pooled", "resnet", "classic transpose"]
    command = ["--against", "pytorch", "--steps", *steps, "--turns", 1, "-o", "train.batch_size=8"]
    for step, entry in zip(steps, json.loads(cli("benchmarks", "--json", *command).stdout)["entries"]):
        assert (entry["step"], entry["batch"]) == (step, 8) and entry["largest_loss_difference"] < 1e-2
    rows = json.loads(cli("benchmarks", "--json", "layers", "--threads", 1).stdout)["layers"]
    assert len(rows) == 12 and all(row["paddle"]["both"] > 0 and row["pytorch"]["both"] > 0 for row in rows)
    assert "the peer has no infogan" in cli("benchmarks", "--against", "pytorch", "--steps", "infogan", code=2).stderr


@pytest.mark.parametrize("override", ["generator.norm=none", "discriminator.norm=instance", "regularizer.penalty=r1", "loss.name=hinge"])
def test_the_peer_knows_the_recipe_of_r3gan_and_no_other(override):
    from benchmarks.speed.steps import ALIKE, peer_config
    from paddle_gan_aug.config.loading import parse_overrides
    from paddle_gan_aug.errors import InputError

    for preset in ("r3gan", "r3gan-projection"):
        kind, config = peer_config(preset, {"train.batch_size": 8})
        assert (kind, config.train.batch_size) == ("paired", 8)
        assert config.schedule.learning_rate is config.schedule.penalty is None and config.generator.ema == ALIKE[kind]["generator.ema"]
    with pytest.raises(InputError, match="the peer has no r3gan"):
        peer_config("r3gan", parse_overrides([override]))


def test_the_peer_has_every_classifier_and_refuses_what_it_has_not(monkeypatch):
    from benchmarks.speed import steps
    from paddle_gan_aug.algorithms.registry import CLASSIFIERS
    from paddle_gan_aug.errors import InputError

    assert {steps.peer_config(name, {})[0] for name in CLASSIFIERS} == {"classifier"}
    monkeypatch.setattr(steps, "CLASSIFIERS", ("lenet",))
    with pytest.raises(InputError, match="the peer has no classifier"):
        steps.peer_config("classifier", {"classifier.architecture": "resnet"})


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed here")
def test_without_pytorch_it_says_how_to_install_it(cli):
    assert "pip install" in cli("benchmarks", "--against", "pytorch", code=2).stderr


def test_mistakes(cli):
    assert "did you mean fast?" in cli("benchmarks", "--steps", "fst transpose", "--turns", 1, code=2).stderr
    assert "trains classifier" in cli("benchmarks", "--steps", "classifier transpose", code=2).stderr
    assert "expected 'PRESET VARIANT'" in cli("benchmarks", "--steps", "fast transpose upsample", code=2).stderr
    assert "at least 1" in cli("benchmarks", "--turns", 0, code=2).stderr


def test_tuning_changes_the_time_and_not_the_losses(cli):
    result = json.loads(cli("benchmarks", "--json", "tuning", "--steps", "fast transpose", "--turns", 1).stdout)
    assert result["largest_loss_difference"] < 1e-3
    assert result["process"]["cpu_tuning"] is True
    assert result["peer"]["cpu_tuning"] is False
    assert result["ratio"] == pytest.approx(result["settings_ms"] / result["paddle_ms"], rel=0.02)
