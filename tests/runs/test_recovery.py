"""A run that collapses goes back, climbs the ladder, and ends healthy or says plainly that it did not."""

import json
import os
import shutil

import numpy as np
import pytest
from collapsing import RUNG_OF, TINY, Killed, collapsing_run, kill_once, recorded, used, wrapped  # noqa: F401 - a fixture
from safetensors.numpy import load_file

import paddle_gan_aug
from paddle_gan_aug.algorithms.checks import check_config
from paddle_gan_aug.algorithms.registry import LOSSES
from paddle_gan_aug.config.loading import load_config, presets
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.records.run_records import Records
from paddle_gan_aug.training import checkpoint, recovery
from paddle_gan_aug.training.checkpoint import steps_on_disk
from paddle_gan_aug.training.health import Collapsed
from paddle_gan_aug.training.recovery import LADDER, RUNGS, Recovery


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


@pytest.mark.parametrize("keep", [1, 2])
def test_the_checkpoint_to_go_back_to_stays(run, keep):
    """Few checkpoints are kept, and many steps lie between the last healthy look and the alarm."""
    more = {"checkpoint.keep": keep, "checkpoint.every_steps": 2, "health.every_steps": 4}
    run(lambda config, step: step > 9 and config.train.real_target == 1.0, **more)
    (use,) = used(run.folder)["used"]
    assert (use["from_step"], use["alarm_step"]) == (8, 16)  # steps 10, 12 and 14 were saved since
    assert len(steps_on_disk(run.folder / "checkpoints")) == keep


def test_the_records_say_why_a_run_went_back(run, monkeypatch):
    said = []
    monkeypatch.setattr(Records, "text", lambda self, step, tag, text: said.append((step, tag, text)))
    run(lambda config, step: step > 9 and config.train.real_target == 1.0)
    ((step, _, text),) = [row for row in said if row[1] == "health" and row[2].startswith("alarm at")]
    assert step == 8 and "alarm at step 12: " in text and "recovery 1 of" in text and "from step 8: halve D's learning rate" in text


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
        paddle_gan_aug.generate(run.folder, to=run.folder.parent / "images", count=4)
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
    assert RUNGS["spectral-norm"].applies(config) == (preset not in {"classic", "dcgan-sn-hinge", "sngan-projection", "sngan-residual"})
    for rung in LADDER:
        if rung.applies(config):
            config = load_config(config, rung.overrides(config, 10))
            check_config(config)
    assert config.discriminator.norm == "spectral"
    assert (config.train.real_target == 0.9) == LOSSES[config.loss.name].smooths


def test_rungs_whose_setting_the_algorithm_does_not_read_are_passed_over(tmp_path):
    config = load_config("learned-augmenter", {"health.recover": True})
    assert [rung.name for rung in LADDER if rung.applies(config)] == ["new-seed"]
    assert Recovery(tmp_path).climb(Collapsed(20, ["blank images"], 10), 10, 4, config).name == "new-seed"
    assert [rung.name for rung in LADDER if rung.applies(load_config("dagan"))] == [rung.name for rung in LADDER]
    residual = load_config("lsgan", {"discriminator.architecture": "residual"})
    assert "spectral-norm" not in [rung.name for rung in LADDER if rung.applies(residual)]


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


# ---- killed at any moment of a recovery --------------------------------------------------------------------------------


def end_of(folder):
    """What a run has become: weights, moments, records, rungs, images, the best."""
    last = folder / "checkpoints" / f"step-{max(steps_on_disk(folder / 'checkpoints'))}"
    arrays = {**load_file(last / "weights.safetensors"), **load_file(last / "optimizers.safetensors")}
    rows = [{key: value for key, value in row.items() if key not in ("time", "images_per_second")} for row in recorded(folder)]
    state = json.loads((last / "state.json").read_text())
    kept = sorted(os.listdir(folder / "checkpoints"))
    return {name: array.tobytes() for name, array in arrays.items()}, rows, used(folder), state, kept


def moments(rung, monkeypatch):
    """{a moment of the recovery by `rung`: a function that sets up the kill}."""
    from paddle_gan_aug.runs import run as runs

    def is_it(*given):
        return given[0].used and given[0].used[-1]["rung"] == rung

    def at(owner, name, when):
        kill = kill_once([])
        original = getattr(owner, name)

        def wanted(*given):
            if is_it(next(value for value in given if isinstance(value, Recovery))):
                kill()

        monkeypatch.setattr(owner, name, wrapped(original, **{when: wanted}))

    def while_removing():
        kill, original, removing = kill_once([]), Recovery.remove_given_up, []

        def remove(self, folder):
            removing.append(is_it(self))
            original(self, folder)
            removing.pop()

        def gone(folder, step):
            if removing and removing[-1]:
                kill()

        monkeypatch.setattr(Recovery, "remove_given_up", remove)
        monkeypatch.setattr(recovery, "remove_checkpoint", wrapped(checkpoint.remove_checkpoint, after=gone))

    def in_the_first_step():
        from paddle_gan_aug.algorithms.classic import ClassicGAN

        kill, original = kill_once([]), ClassicGAN.step

        def step(self, *given):
            if self.step_number == (11 if rung != "new-seed" else 3) and not RUNG_OF[rung](self.config, 10):
                kill()
            return original(self, *given)

        monkeypatch.setattr(ClassicGAN, "step", step)

    return {
        "recovery.json is written": lambda: at(Recovery, "_write", "after"),
        "its last checkpoints are removed": while_removing,
        "the networks are built": lambda: at(runs, "_build", "after"),
        "training has begun": in_the_first_step,
    }


@pytest.fixture(scope="module")
def undisturbed():
    return {}


@pytest.mark.parametrize(
    "moment", ["recovery.json is written", "its last checkpoints are removed", "the networks are built", "training has begun"]
)
@pytest.mark.parametrize("rung", RUNG_OF)
def test_killed_in_a_recovery_it_goes_on_to_the_same_bits(run, rung, moment, undisturbed, monkeypatch):
    settings = {"checkpoint.every_steps": 2, "checkpoint.keep": 5}
    if rung not in undisturbed:
        run(RUNG_OF[rung], **settings)
        undisturbed[rung] = end_of(run.folder)
        assert undisturbed[rung][2]["used"][-1]["rung"] == rung
        shutil.rmtree(run.folder)
    moments(rung, monkeypatch)[moment]()
    with pytest.raises(Killed):
        run(RUNG_OF[rung], **settings)
    steps = steps_on_disk(run.folder / "checkpoints")
    assert used(run.folder)["used"][-1]["rung"] == rung and (not steps or max(steps) < 20)
    if rung == "spectral-norm" and moment != "training has begun":
        opened = paddle_gan_aug.open_run(run.folder)  # the checkpoint it went back to has the networks from before the rung
        assert (opened.step, opened.config.discriminator.norm, opened.config.train.instance_noise) == (8, "none", 0.0)
    done = run(RUNG_OF[rung], **settings)
    assert done.step == 20
    assert end_of(run.folder) == undisturbed[rung]


def test_the_weights_are_kept_through_spectral_norm(run, monkeypatch):
    """Of all that a checkpoint holds, only what a network has not, or in another shape, begins anew."""
    from paddle_gan_aug.algorithms.base import Algorithm

    adopted = []

    def adopt(self, arrays, original=Algorithm.adopt_weights):
        taken = original(self, arrays)
        adopted.append((self.weights(), arrays))
        return taken

    monkeypatch.setattr(Algorithm, "adopt_weights", adopt)
    run(lambda config, step: step > 5 and config.discriminator.norm == "none")
    ((weights, before),) = adopted
    kept = 0
    for name, array in weights.items():
        origin = name.replace("weight_orig", "weight")
        if not name.endswith(("weight_u", "weight_v")):
            np.testing.assert_array_equal(array, before[origin], err_msg=name)
            kept += "weight_orig" in name
    assert kept and any(name.startswith("generator") for name in weights)
