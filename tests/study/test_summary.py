"""From rows to a verdict."""

import numpy as np
import pytest
from study_plans import plan_of

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.splits import CHOOSE
from paddle_gan_aug.study.statistics import HELPS, NOTHING, TOO_FEW
from paddle_gan_aug.study.summary import (
    ACCURACY,
    BALANCED,
    comparisons,
    measure_of,
    of_arms,
    recommended,
    right,
    scores_of,
    told_without,
    verdict,
)

GAN, RIVAL = "classical+gan+filter", "classical"


def row(arm, seed, correct, role="test", tested=60):
    read = np.arange(tested) < correct
    return {
        "arm": arm,
        "scenario": "as it is",
        "seed": seed,
        "role": role,
        "error": None,
        "accuracy": correct / tested,
        "balanced_accuracy": correct / tested,
        "recall": [correct / tested] * 3,
        "class_names": ["bar", "dot", "ring"],
        "tested": tested,
        "labels": 36,
        "right": np.packbits(read).tobytes().hex(),
        "classifier_seconds": 3.0,
        "made": {"maker_seconds": 60.0} if "gan" in arm else {},
    }


def rows(gain, seeds=8, role="test"):
    noise = [0, 1, 2, 1, 0, 2, 1, 0, 1, 2]
    return [row(RIVAL, seed, 40 + noise[seed], role) for seed in range(seeds)] + [
        row(GAN, seed, 40 + noise[-seed - 1] + gain, role) for seed in range(seeds)
    ]


@pytest.mark.parametrize(
    "gain, seeds, word, sentence",
    [
        (8, 8, HELPS, "Generated images help"),
        (0, 8, NOTHING, "no measurable effect"),
        (8, 5, TOO_FEW, "Not enough for a claim, which needs 8"),
    ],
)
def test_verdicts(study_data, gain, seeds, word, sentence):
    plan = plan_of(study_data())
    (found,) = comparisons(plan, study_data(), rows(gain, seeds), GAN, RIVAL, ACCURACY)
    assert (found["verdict"], found["named"], found["count"]) == (word, True, seeds)
    assert sentence in verdict([found], of_arms(rows(gain, seeds), ACCURACY), GAN, RIVAL, ACCURACY, 0.002)
    assert [one["class"] for one in found["classes"]] == ["bar", "dot", "ring"]
    assert found["image_noise"] > 0
    hurt = comparisons(plan, study_data(), rows(-8), GAN, RIVAL, ACCURACY)
    assert "hurt" in verdict(hurt, of_arms(rows(-8), ACCURACY), GAN, RIVAL, ACCURACY, 0.002)


def test_an_arm_that_learnt_without_its_images_says_so(study_data):
    """Where the filters leave too few, the classifier of the arm is that of the rival: nothing is known of generated images."""

    def said(count):
        found = rows(0)
        for one in found:
            if one["arm"] == GAN:
                one["made"]["used"] = one["seed"] >= count
        arms = of_arms(found, ACCURACY)
        return verdict(
            comparisons(plan_of(study_data()), study_data(), found, GAN, RIVAL, ACCURACY), arms, GAN, RIVAL, ACCURACY, 0.002
        ), arms

    sentence, arms = said(0)
    assert "no measurable effect" in sentence and told_without(arms) == []
    sentence, arms = said(3)
    assert "no measurable effect" in sentence
    note = "{}: in {} of 8 cells too few generated images passed the filters, and the classifier learnt without them"
    assert told_without(arms) == [note.format(GAN, 3)]
    sentence, arms = said(8)
    assert sentence.startswith("Nothing can be said of generated images: in every cell of classical+gan+filter too few generated images")
    assert told_without(arms) == [note.format(GAN, 8)]


def test_arms_that_were_not_named_are_a_family_of_their_own(study_data):
    plan = plan_of(study_data())
    more = rows(8) + [row("real", seed, 30 + seed % 3) for seed in range(8)]
    found = comparisons(plan, study_data(), more, GAN, RIVAL, ACCURACY)
    assert [(one["arm"], one["named"]) for one in found] == [(GAN, True), ("real", False)]
    assert found[0]["p_holm"] == found[0]["p"]


def test_failed_cells_pair_with_nothing(study_data):
    some = rows(8)
    some[3]["error"] = "RunFailed: no"
    (found,) = comparisons(plan_of(study_data()), study_data(), some, GAN, RIVAL, ACCURACY)
    assert found["count"] == 7
    assert next(arm for arm in of_arms(some, ACCURACY) if arm["arm"] == RIVAL)["failed"] == ["RunFailed: no"]


def test_a_recipe_without_a_gan_is_recommended_unless_held_out_labels_say_otherwise(study_data):
    plan, data = plan_of(study_data()), study_data()
    assert recommended(plan, data, rows(8), GAN, RIVAL, ACCURACY)[0] == RIVAL  # test images have no say
    assert recommended(plan, data, rows(8, role="choose"), GAN, RIVAL, ACCURACY)[0] == GAN
    assert recommended(plan, data, rows(0, role="choose"), GAN, RIVAL, ACCURACY)[0] == RIVAL
    one_image = [row(arm, seed, 12 + (arm == GAN), "choose", tested=20) for arm in (GAN, RIVAL) for seed in range(4)]
    assert recommended(plan, data, one_image, GAN, RIVAL, ACCURACY)[0] == RIVAL  # the same gain of one image on every split
    folds = study_data(test=None)
    assert recommended(plan_of(folds), folds, rows(8), GAN, RIVAL, ACCURACY)[0] == GAN  # folds are held-out labels


def test_which_score(study_data):
    assert measure_of(plan_of(study_data()), [12, 12, 12]) == ACCURACY
    assert measure_of(plan_of(study_data(pool=(40, 12, 12))), [40, 12, 12]) == BALANCED
    cut = plan_of(study_data(), cut={"dot": 3})
    assert measure_of(cut, [12, 12, 12]) == BALANCED
    assert measure_of(plan_of(study_data(), labels=[4]), [40, 12, 12]) == ACCURACY
    assert measure_of(cut, [12, 12, 12], "cut_recall") == "cut_recall"
    with pytest.raises(InputError, match="is of classes that are cut"):
        measure_of(plan_of(study_data()), [12, 12, 12], "cut_recall")
    assert measure_of(cut, [12, 12, 12], "cut_recall", ["bar", "dot"]) == "cut_recall"
    with pytest.raises(InputError, match="the test images show none of them"):
        measure_of(cut, [12, 12, 12], "cut_recall", ["bar", "ring"])
    with pytest.raises(InputError, match="nearest: accuracy"):
        measure_of(cut, [12, 12, 12], "acuracy")


def test_splits_without_an_image_of_the_classes_that_were_cut_do_not_count():
    found = scores_of([{**row("gan", 0, 12), "cut_recall": None}, {**row("gan", 1, 13), "cut_recall": 0.5}], "test", "cut_recall")
    assert found == {"gan": {("as it is", 1): 0.5}}


def test_which_images_were_read_rightly():
    assert right(row("real", 0, 13)).tolist() == [True] * 13 + [False] * 47


def test_the_best_of_many_on_the_same_splits_is_no_gain(study_data):
    """Ten arms with a GAN that differ from the rival by chance alone: the best of them looks better on the splits that chose it."""
    shares = [f"gan@{n / 20:g}" for n in range(1, 11)]
    plan = plan_of(study_data(), arms=[RIVAL, *shares])
    found, naive = 0, 0
    for repeat in range(60):
        rng = np.random.default_rng(repeat)
        scored = [row(arm, seed, 40 + int(rng.integers(-3, 4)), "choose") for arm in ["real", RIVAL, *shares] for seed in range(4)]
        means = {arm: np.mean([one["accuracy"] for one in scored if one["arm"] == arm]) for arm in ["real", RIVAL, *shares]}
        best = max(shares, key=means.get)
        found += recommended(plan, study_data(), scored, best, RIVAL, ACCURACY)[0] == best
        named = plan_of(study_data(), arms=[RIVAL, *shares], gan_arm=best, rival=RIVAL)
        naive += recommended(named, study_data(), scored, best, RIVAL, ACCURACY)[0] == best
    assert found <= naive <= 4


def test_one_split_shows_no_gain(study_data):
    plan = plan_of(study_data(), arms=["classical", "gan"], choices=1)
    chosen = [row("real", 1000, 40, CHOOSE), row("gan", 1000, 50, CHOOSE), row("classical", 1000, 40, CHOOSE)]
    assert recommended(plan, study_data(), chosen, "gan", "classical", ACCURACY) == (
        "classical",
        "there were no splits on which generated images could show a gain",
    )


def test_a_rare_class_of_four_held_out_images_recommends_nothing(study_data):
    def split(arm, seed, defective, functional):
        matrix = [[defective, 4 - defective], [20 - functional, functional]]
        score = (defective / 4 + functional / 20) / 2
        return {**row(arm, seed, defective + functional, "choose", tested=24), "confusion_matrix": matrix, "balanced_accuracy": score}

    scored = [split(GAN, *of) for of in ((0, 4, 13), (1, 3, 19), (2, 4, 17))]
    scored += [split(RIVAL, *of) for of in ((0, 3, 19), (1, 3, 17), (2, 4, 16))]
    plan = plan_of(study_data(), arms=[RIVAL, GAN], gan_arm=GAN, rival=RIVAL)
    arm, why = recommended(plan, study_data(), scored, GAN, RIVAL, BALANCED)
    assert arm == RIVAL and "+1.67 points over 3 splits" in why and "not above 13.20" in why
