"""A run that collapses goes back, climbs the ladder, and ends healthy or says plainly that it did not."""

import json

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.algorithms.combinations import SMOOTHED, check_combination
from paddle_gan_aug.config import load_config, presets
from paddle_gan_aug.data import load, to_network
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.training.health import Collapsed
from paddle_gan_aug.training.recovery import LADDER, RUNGS, Recovery

TINY = {
    "generator.width": 0.05,
    "discriminator.width": 0.05,
    "train.batch_size": 50,
    "train.steps": 20,
    "checkpoint.every_steps": 4,
    "log.every_steps": 1,
    "log.grid_images": 16,
    "health.every_steps": 2,
    "health.samples": 40,
}


@pytest.fixture
def run(tmp_path, small_mnist, monkeypatch):
    """Trains a tiny run whose samples are real digits, or black once `black(config, step)` says so."""
    from paddle_gan_aug.algorithms.classic import ClassicGAN

    digits = to_network(load("mnist", "train").subset(range(2000)).images)

    def start(black, **overrides):
        def images(self, latents, labels=None):
            if black(self.config, self.step_number):
                return np.full((len(latents), 1, 28, 28), -1.0, dtype="float32")
            return digits[(int(abs(latents[0, 0]) * 1e6) + np.arange(len(latents))) % len(digits)]

        monkeypatch.setattr(ClassicGAN, "images", images)
        return paddle_gan_aug.train(
            run="r",
            output=tmp_path / "output",
            log=tmp_path / "log",
            resume=(tmp_path / "output" / "r").exists(),
            overrides={"data.source": str(small_mnist), **TINY, **overrides},
            quiet=True,
        )

    start.folder = tmp_path / "output" / "r"
    return start


def recorded(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def used(folder):
    return json.loads((folder / "recovery.json").read_text())


def test_a_healthy_run_uses_no_rung(run):
    run(lambda config, step: False)
    assert not (run.folder / "recovery.json").exists()
    assert all(row["health"] == [] for row in recorded(run.folder) if row["step"] % 2 == 0)


def test_a_collapse_goes_back_to_the_last_healthy_checkpoint(run):
    done = run(lambda config, step: step > 9 and config.train.real_target == 1.0)
    found = used(run.folder)
    assert found["failed"] is None
    (use,) = found["used"]
    assert (use["rung"], use["from_step"], use["alarm_step"]) == ("smaller-d-step", 8, 12)  # bad looks at 10 and 12
    assert "blank" in use["alarms"][0]
    assert done.config.train.real_target == 0.9
    assert done.config.optimizer.discriminator_lr == load_config("classic").optimizer.discriminator_lr / 2
    assert [row["step"] for row in recorded(run.folder)] == list(range(1, 21))  # no step twice, none missing
    assert load_config(run.folder / "config.yaml").train.real_target == 1.0  # what was asked for stays on record


def test_the_rungs_add_up_and_map_the_weights(run):
    done = run(lambda config, step: step > 5 and config.discriminator.norm == "none")
    assert [use["rung"] for use in used(run.folder)["used"]] == ["smaller-d-step", "instance-noise", "spectral-norm"]
    assert done.config.discriminator.norm == "spectral"
    assert done.config.train.instance_noise == 0.3
    assert done.step == 20


def test_the_last_rung_begins_anew_with_another_seed(run):
    seed = load_config("classic").train.seed
    done = run(lambda config, step: config.train.seed == seed and step > 5)
    assert [use["rung"] for use in used(run.folder)["used"]] == [rung.name for rung in LADDER]
    assert used(run.folder)["used"][-1]["from_step"] == 0
    assert done.config.train.seed != seed
    assert [row["step"] for row in recorded(run.folder)] == list(range(1, 21))


def test_when_nothing_helps_it_fails_plainly_and_exports_nothing(run):
    with pytest.raises(RunFailed, match="could not be recovered.*blank"):
        run(lambda config, step: step > 5)
    assert len(used(run.folder)["used"]) == len(LADDER)
    with pytest.raises(RunFailed, match="no samples"):
        paddle_gan_aug.generate(run.folder, 4, run.folder.parent / "images")
    assert not (run.folder.parent / "images").exists()
    with pytest.raises(RunFailed, match="failed for good"):
        run(lambda config, step: False)


def test_fewer_tries(run):
    with pytest.raises(RunFailed, match="tried: smaller-d-step"):
        run(lambda config, step: step > 5, **{"health.tries": 1})


def test_recovery_off_records_the_alarms_and_goes_on(run):
    done = run(lambda config, step: step > 5, **{"health.recover": False})
    assert done.step == 20
    alarms = [row for row in recorded(run.folder) if "alarm" in row]
    assert alarms[0]["step"] == 8
    assert not (run.folder / "recovery.json").exists()


def test_samples_that_never_come_to_life_are_an_alarm_after_a_while(run):
    with pytest.raises(RunFailed):
        run(lambda config, step: True, **{"health.settle_steps": 10, "health.tries": 0})
    assert [row["step"] for row in recorded(run.folder) if "alarm" in row] == [10]


def test_a_resumed_run_keeps_its_rungs(run):
    """Interrupted after a recovery, a run goes on with the recovered settings."""
    run(lambda config, step: step > 9 and config.train.real_target == 1.0, **{"train.steps": 16})
    done = run(lambda config, step: False, **{"train.steps": 20})
    assert done.config.train.real_target == 0.9
    assert [row["step"] for row in recorded(run.folder)] == list(range(1, 21))


def test_a_loss_that_is_not_finite_is_an_alarm_without_a_second_look(run, monkeypatch):
    from paddle_gan_aug.algorithms.classic import ClassicGAN

    learn = ClassicGAN.learn_generator

    def broken(self, *given):
        loss = learn(self, *given)
        return loss * float("nan") if self.step_number >= 7 and self.config.train.real_target == 1 else loss

    monkeypatch.setattr(ClassicGAN, "learn_generator", broken)
    done = run(lambda config, step: False)
    (use,) = used(run.folder)["used"]
    assert use["alarms"] == ["a loss that is not finite"]
    assert use["alarm_step"] == 8
    assert done.step == 20


@pytest.mark.parametrize("preset", [name for name in presets() if load_config(name).algorithm in ("classic", "gan", "infogan")])
def test_every_rung_that_applies_leaves_a_preset_valid(preset):
    config = load_config(preset)
    assert RUNGS["spectral-norm"].applies(config) == (preset not in {"dcgan-sn-hinge", "sngan-projection", "sngan-residual"})
    for rung in LADDER:
        if rung.applies(config):
            config = load_config(config, rung.overrides(config, 10))
            check_combination(config)
    assert config.discriminator.norm == "spectral"
    assert (config.train.real_target == 0.9) == (config.algorithm == "classic" or config.loss.name in SMOOTHED)


def test_rungs_that_change_nothing_are_passed_over(tmp_path):
    recovery, config = Recovery(tmp_path), load_config("dcgan-sn-hinge")
    collapse = Collapsed(20, ["blank images"], 10)
    names = [recovery.climb(collapse, 10, 4, recovery.config(config)).name for _ in range(3)]
    assert names == ["smaller-d-step", "instance-noise", "new-seed"]
    with pytest.raises(RunFailed, match="tried: smaller-d-step, instance-noise, new-seed"):
        recovery.climb(collapse, 10, 4, recovery.config(config))


def test_the_command_line_ends_with_1(cli, small, small_mnist):
    settings = ["health.every_steps=2", "health.settle_steps=2", "health.tries=1", "log.visualdl=false"]
    done = cli("train", "--data", small_mnist, *small, *settings, "--steps", 12, "--run", "r", code=1)
    assert "collapsed and could not be recovered" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "health alarm at step 4" in done.stderr
    again = cli("generate", cli.output / "r", "--to", cli.folder / "images", code=1)
    assert "no samples" in again.stderr
    off = cli("train", "--data", small_mnist, *small, *settings, "--recover", "off", "--steps", 12, "--run", "off")
    assert "health alarm" in off.stderr


def test_a_damaged_recovery_file_is_named(tmp_path):
    (tmp_path / "recovery.json").write_text('{"used": [{"rung": "prayer"}], "failed": null}')
    with pytest.raises(paddle_gan_aug.errors.InputError, match="recovery.json is damaged"):
        Recovery(tmp_path)
