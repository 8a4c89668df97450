"""Arms that learn images without labels: which images they get, which are kept from them, and what is refused."""

import dataclasses
import json
import re

import numpy as np
import pytest
from study_plans import plan_of

from paddle_gan_aug.data import load
from paddle_gan_aug.data.overlap import repeated
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import project_root
from paddle_gan_aug.study.arms import ARMS, BASELINE, WITHOUT_LABELS, arm_of, chosen_arms, default_arms
from paddle_gan_aug.study.cells import Cell, Settings, key_of, learner_settings
from paddle_gan_aug.study.plan import named_arms
from paddle_gan_aug.study.splits import CHOOSE, FINAL, TEST, Scenario, cell_images, check_apart, check_unlabelled
from paddle_gan_aug.study.unlabelled import CONFIDENT, confident

FEW = Scenario(4)


@pytest.fixture
def folder(tmp_path, npz):
    """A folder with train and test, and beside it `more` without labels."""
    whole = load(str(npz(train=(20, 20, 20))), "train", split="full")
    whole.subset(np.arange(0, 60, 5)).save(tmp_path / "set" / "train")
    load(str(npz()), "test").save(tmp_path / "set" / "test")
    whole.subset(np.flatnonzero(np.arange(60) % 5 > 0)).save(tmp_path / "more")
    return tmp_path / "set"


def test_what_a_draw_leaves_is_without_labels(study_data):
    data = study_data(valid=(4, 4, 4))
    for role in (TEST, CHOOSE, FINAL):
        cell = cell_images(data, FEW, 0, role, 8, unlabelled=True)
        assert len(cell.unlabelled) == 24 and len(cell.train) == 12
        assert not repeated(cell.unlabelled, cell.train.images).any() and not repeated(cell.unlabelled, cell.test.images).any()
        assert cell_images(data, FEW, 0, role, 8).unlabelled is None


def test_what_scores_a_choice_or_a_fold_is_not_learnt_without_its_label(study_data):
    data = study_data(test=None)
    data = dataclasses.replace(data, unlabelled=data.pool.images)  # a folder that repeats all labelled images
    fold = cell_images(data, Scenario(), 1, TEST, 4, unlabelled=True)
    assert len(fold.unlabelled) == 36 - len(fold.test) and not repeated(fold.unlabelled, fold.test.images).any()
    assert cell_images(study_data(), Scenario(), 0, TEST, 4, unlabelled=True).unlabelled is None
    with pytest.raises(Exception, match="leak: 9 test images are among the images without labels"):
        check_apart(dataclasses.replace(fold, unlabelled=data.pool.images))


def test_test_images_without_labels_are_refused(study_data):
    data = study_data()
    check_unlabelled(dataclasses.replace(data, unlabelled=data.pool.images))
    leaky = dataclasses.replace(data, unlabelled=data.test.images[:3])
    with pytest.raises(InputError, match="3 of the 60 test images are among the images without labels"):
        check_unlabelled(leaky)
    check_unlabelled(leaky, allow_overlap=True)


def test_arms_need_images_without_labels(study_data):
    level = {"imbalanced": False, "spare": False, "pairs": True}
    for name in [name for name, arm in ARMS.items() if arm.unlabelled]:
        with pytest.raises(InputError, match=f"arms: {re.escape(name)} cannot work here: there are no images without labels: name some"):
            chosen_arms([name], **level)
    assert set(WITHOUT_LABELS) < set(default_arms(**level, unlabelled=True)) and not set(WITHOUT_LABELS) & set(default_arms(**level))
    gans = {f"semi-supervised{kind}" for kind in ("", "-conv", "-consistency", "-imsat", "-fixmatch")}
    assert {name for name, arm in ARMS.items() if arm.unlabelled and arm.generates} == gans | {f"{name}+pseudo-labels" for name in gans}


def test_rivals_that_learn_the_same_images_can_be_named(study_data):
    plan = plan_of(study_data(), arms=["classical", "pseudo-labels", "consistency", "semi-supervised"], labels=[4], seeds=2)
    scores = {"real": 0.1, "classical": 0.2, "pseudo-labels": 0.3, "consistency": 0.4, "semi-supervised": 0.5}
    assert named_arms(plan, scores) == ("semi-supervised", "consistency") and plan.choices == 4


def test_only_these_arms_depend_on_the_images_without_labels():
    plain, given = Settings(), Settings(unlabelled="of-the-folder", learner_steps=100)
    same = {n: key_of(Cell(arm, FEW, 0, TEST), plain, "d") == key_of(Cell(arm, FEW, 0, TEST), given, "d") for n, arm in ARMS.items()}
    assert same[BASELINE] and same == {name: not arm.unlabelled for name, arm in ARMS.items()}


def test_the_terms_of_the_preset_come_in_at_the_same_part_of_a_shorter_run():
    settings = learner_settings(ARMS["semi-supervised"], Settings(learner_steps=1000), 0)
    assert settings["train.steps"] == 1000 and settings["semi_supervised.consistency_start"] == 600
    assert learner_settings(ARMS["consistency"], Settings(learner_steps=1000), 0)["semi_supervised.consistency_start"] == 0
    assert "train.steps" not in learner_settings(ARMS["semi-supervised"], Settings(), 0)


@pytest.mark.parametrize(
    "gan, rival",
    [("semi-supervised-fixmatch", "fixmatch"), ("semi-supervised-consistency", "consistency-conv"), ("semi-supervised-imsat", "imsat")],
)
def test_pairs_of_arms_differ_in_the_generated_images_alone(gan, rival):
    plain, with_them, without = (learner_settings(ARMS[name], Settings(), 0) for name in ("semi-supervised-conv", gan, rival))
    assert {**without, "semi_supervised.gan": True} == {**with_them, "semi_supervised.gan": True} and with_them != without
    assert with_them.get("semi_supervised.gan", True) and not without["semi_supervised.gan"]
    assert with_them["preset"] == plain["preset"] and {**with_them, **plain} == with_them


def test_who_reads_first_is_part_of_the_key():
    cells = [Cell(ARMS[name], FEW, 0, TEST) for name in ("pseudo-labels", "consistency+pseudo-labels", "semi-supervised+pseudo-labels")]
    assert len({key_of(cell, Settings(), "d") for cell in cells}) == 3
    longer = Settings(learner_steps=100)
    assert [key_of(cell, Settings(), "d") == key_of(cell, longer, "d") for cell in cells] == [True, False, False]
    assert (
        arm_of("semi-supervised+pseudo-labels@0.9").share == 0.9
        and arm_of("semi-supervised+pseudo-labels").first_learner is ARMS["semi-supervised"]
    )


def test_confident_readings_become_labels(study_data):
    class Bench:
        images = cell_images(study_data(), FEW, 0, TEST, 8, unlabelled=True)

    read = np.full((24, 3), (1 - CONFIDENT) / 2, np.float32)
    read[:10, 2], read[10:, 0] = 0.96, 0.9
    chosen = confident(read, Bench)
    assert len(chosen) == 10 and (chosen.labels == 2).all() and (chosen.images == Bench.images.unlabelled[:10]).all()


STUDY = ["--steps", 4, "--seeds", 2, "--choices", 0, "--learner-steps", 3]
STUDY += ["--learner-override", "semi_supervised.width=0.05", "generator.width=0.05"]


def test_a_study_with_images_of_ones_own_without_labels(cli, folder, tmp_path):
    arms = ["classical", "pseudo-labels", "semi-supervised-conv", "semi-supervised-conv+pseudo-labels"]
    command = ["study", "--data", folder, "--unlabelled", tmp_path / "more", "--arms", *arms, *STUDY, "--to", tmp_path / "study"]
    found = json.loads(cli(*command, "--json").stdout)
    assert {row["arm"] for row in found["arms"] if row["mean"] is not None} == {"real", *arms}
    rows = [json.loads(path.read_text()) for path in (tmp_path / "study" / "rows").glob("*.json")]
    assert {row["arm"]: row.get("unlabelled") for row in rows} == {
        "real": None,
        "classical": None,
        "pseudo-labels": 48,
        "semi-supervised-conv": 48,
        "semi-supervised-conv+pseudo-labels": 48,
    }
    notes = {path.stem.rpartition("-")[0]: json.loads(path.read_text()) for path in (tmp_path / "study" / "work").glob("*/*.json")}
    taught = [row for row in rows if row["arm"] == "semi-supervised-conv+pseudo-labels"]
    for row in taught:  # the network that reads first is the one that the other arm is scored by
        (learner,) = [other for other in rows if (other["arm"], other["seed"]) == ("semi-supervised-conv", row["seed"])]
        first, pseudo = notes[f"semi-supervised-conv-{row['seed']}"], notes[f"pseudo-{row['seed']}-0.5-semi-supervised-conv"]
        assert learner["classifier_seconds"] == first["seconds"]
        assert row["made"]["maker_seconds"] == pytest.approx(first["seconds"] + pseudo["seconds"], abs=0.02)
        assert (row["made"]["of"], row["made"]["maker"]) == (48, "pseudo") and len(taught) == 2
    (named,) = [row for row in found["comparisons"] if row["named"]]
    assert named["arm"] == "semi-supervised-conv"


@pytest.mark.parametrize(
    "further, words",
    [
        (["--unlabelled", "{set}/test"], "60 of the 60 test images are among the images without labels"),
        (["--unlabelled", "{set}/nothing"], "nothing does not exist"),
        ([], "arms: pseudo-labels cannot work here: there are no images without labels"),
        (["--unlabelled", "{more}", "--arms", "classical"], "none of the arms classical learns images without labels"),
        (["--unlabelled", "{large}"], "differ in channels or size"),
        (["--unlabelled", "{more}", "--learner-override", "semi_supervised.breadth=1", "--arms", "consistency"], "semi_supervised.breadth"),
    ],
)
def test_what_is_refused_in_a_line(here, folder, tmp_path, further, words):
    np.savez(tmp_path / "large.npz", images=np.zeros((5, 20, 20), np.uint8))
    places = {"set": folder, "more": tmp_path / "more", "large": tmp_path / "large.npz"}
    further = [word.format(**places) for word in further]
    arms = [] if "--arms" in further else ["--arms", "pseudo-labels"]
    done = here("study", "--data", folder, *arms, *STUDY, "--to", tmp_path / "none", *further, code=2)
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "none").exists()


def test_consistency_has_the_best_of_the_settings_that_were_tried():
    files = (project_root() / "work" / "results" / "semi-supervised").glob("consistency-*-seed-11.json")
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert len(rows) == 5 and {row["part"] for row in rows} == {"valid"}
    best = min(rows, key=lambda row: row["error"])["overrides"]
    length = ("train.steps", "runtime.threads")
    assert ARMS["consistency"].settings == {key: value for key, value in best.items() if key not in length}


@pytest.mark.parametrize("data", ["", "Fashion-MNIST-"])
def test_the_stored_rows_of_consistency_with_convolutions_are_of_its_arm(data):
    file = project_root() / "work" / "results" / "semi-supervised" / f"{data}convolutional-consistency-seed-11.json"
    row = json.loads(file.read_text(encoding="utf-8"))
    assert row["preset"] == ARMS["consistency-conv"].learner
    assert ARMS["consistency-conv"].settings == {key: value for key, value in row["overrides"].items() if key != "runtime.threads"}
