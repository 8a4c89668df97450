"""What a study chooses from the data and the budget."""

import dataclasses

import numpy as np
import pytest
from study_plans import plan_of

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.arms import GAN_ARM, TRANSFER_ARMS
from paddle_gan_aug.study.estimate import estimate
from paddle_gan_aug.study.plan import named_arms, told_time
from paddle_gan_aug.study.planning import PATIENCE, parse_budget
from paddle_gan_aug.study.statistics import LEAST_SEEDS
from paddle_gan_aug.study.summary import measure_of


def names(plan):
    return [arm.name for arm in plan.arms]


def test_without_wishes(study_data):
    plan = plan_of(study_data())
    assert names(plan) == ["real", "classical", "trivialaugment", "mixup", GAN_ARM] and plan.seeds == LEAST_SEEDS and plan.choices == 4
    assert plan.settings.policy == "digits" and plan.scenarios[0].name == "as it is"
    assert len(plan.testing()) == 3 * 8 + 2 * 3 and {cell.seed for cell in plan.choosing()} == {1000, 1001, 1002, 1003}
    assert plan_of(study_data(), arms=["classical"]).choosing() == []
    assert names(plan_of(study_data(), choices=0)) == names(plan_of(study_data(test=None))) == ["real", "classical", GAN_ARM]
    without = plan_of(study_data(test=None))
    assert any(note.startswith("trivialaugment and mixup take no part") for note in without.notes)
    assert plan.other_seeds == 3 and without.other_seeds is None  # where they take no part no arm has fewer seeds
    uneven = plan_of(study_data(pool=(40, 12, 12)))
    assert "class-weights" in names(uneven) and names(uneven)[-1] == GAN_ARM


def test_arms_that_are_not_compared_take_fewer_seeds(study_data):
    plan = plan_of(study_data(), arms=["classical", "mixup", "gan", "gan-ada"], seeds=5, other_seeds=2, gan_arm="gan-ada")
    assert {arm.name: plan.seeds_of(arm) for arm in plan.arms} == {"real": 5, "classical": 5, "mixup": 2, "gan": 2, "gan-ada": 5}
    assert len(plan.testing()) == 5 + 5 + 2 + 2 + 5
    assert estimate(study_data(), plan) < estimate(study_data(), plan_of(study_data(), arms=names(plan), seeds=5))
    assert "5 (2 of arms that are not compared)" in "\n".join(plan.told())


def test_new_classes_are_a_scenario_with_arms_that_transfer(study_data):
    plan = plan_of(study_data(pool=(30, 30, 30)), labels=[20], new_classes=["ring", "dot"], new_images=[2, 4])
    assert [scenario.name for scenario in plan.scenarios] == [
        "20 labels a class, ring, dot new with 2",
        "20 labels a class, ring, dot new with 4",
    ]
    assert names(plan)[-2:] == list(TRANSFER_ARMS) and GAN_ARM not in names(plan) and plan.settings.patience is None
    with pytest.raises(InputError, match="`cut` and new_classes both say"):
        plan_of(study_data(), new_classes=["ring"], cut={"dot": 3})


def test_shares_multiply_arms_of_generated_images(study_data):
    plan = plan_of(study_data(), arms=["classical", "gan", "pretrain", "gan-ada@0.5"], shares=[0.05, 0.2])
    assert names(plan) == ["real", "classical", "gan@0.05", "gan@0.2", "pretrain", "gan-ada@0.5"]


def test_a_gan_stops_by_held_out_labels_where_there_are_enough(study_data):
    assert plan_of(study_data(pool=(20, 30, 30))).settings.patience == PATIENCE
    assert plan_of(study_data(pool=(19, 30, 30))).settings.patience is None
    assert plan_of(study_data(pool=(20, 30, 30)), patience=0).settings.patience is None
    assert "while held-out labels say" in "\n".join(plan_of(study_data(pool=(20, 30, 30))).told())


def test_a_reader_is_told_that_no_gan_can_be_recommended(study_data):
    assert any("so the recommended classifier will use none" in note for note in plan_of(study_data(), choices=0).notes)
    assert plan_of(study_data(), choices=0, arms=["classical"]).notes == []


def test_a_reader_is_told_that_nothing_measured_chooses(study_data):
    def told(arms, **wishes):
        return [note for note in plan_of(study_data(), arms=arms, **wishes).notes if note.startswith("no splits choose between")]

    (note,) = told(["real", "mixup"])
    assert "between real and mixup: by rule real is compared and recommended (--rival names another, --choices N lets" in note
    assert told(["real", "classical"]) == told(["real", "mixup"], choices=2) == told(["real", "mixup"], rival="mixup") == []


def test_folds_are_no_more_than_the_smallest_class_has_images(study_data):
    assert plan_of(study_data(pool=(5, 9, 9), test=None)).seeds == 5
    assert plan_of(study_data(pool=(5, 9, 9), test=None)).settings.folds == 5


def test_whole_seeds_end_first(study_data):
    plan = plan_of(study_data(), jobs=2, seeds=4)
    cells = plan.testing()
    assert [cell.seed for cell in cells[:6]] == [0, 1, 0, 1, 0, 1]
    assert [cell.arm.name for cell in cells[:4]] == ["real", "real", "classical", "classical"]


def test_seeds_may_begin_elsewhere(study_data):
    plan = plan_of(study_data(), arms=["classical"], seeds=2, choices=1, first_seed=10)
    assert {cell.seed for cell in plan.testing()} == {10, 11} and {cell.seed for cell in plan.choosing()} == {1000}
    assert any(line.startswith("seeds       2, 10 to 11, and 1 splits") for line in plan.told())
    with pytest.raises(InputError, match="first_seed: expected at most 992 with 8 seeds, got 995"):
        plan_of(study_data(), first_seed=995)
    with pytest.raises(InputError, match="first_seed: without test images the seeds are the folds"):
        plan_of(study_data(test=None), first_seed=1)


def test_what_learns_images_without_labels_takes_the_time_of_its_terms(study_data):
    def seconds(arm):
        plans = [plan_of(study_data(), arms=[arm], labels=[4], seeds=2, choices=0, learner_steps=steps) for steps in (1000, 2000)]
        return (estimate(study_data(), plans[1]) - estimate(study_data(), plans[0])) / 2  # seeds

    gan, rival, both, taught = map(
        seconds, ("semi-supervised-conv", "consistency-conv", "semi-supervised-consistency", "semi-supervised-fixmatch")
    )
    assert [rival / gan, both / gan, taught / gan] == pytest.approx([0.85, 1.6, 1.3])


@pytest.mark.parametrize(
    "text, seconds", [("30m", 1800), ("2h", 7200), ("90s", 90), ("1.5h", 5400), ("15 min", 900), ("15min", 900), ("9 sec", 9)]
)
def test_budgets(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["5", "0m", "-3m", "h", "2 days", "", "2hin", "2sin", "3 h 5 min"])
def test_bad_budgets(text):
    with pytest.raises(InputError, match="budget: .* is no time"):
        parse_budget(text)


def test_a_budget_cuts_and_says_so(study_data):
    data = study_data()
    whole, short = plan_of(data), plan_of(data, budget=300)
    assert "the budget leaves out the arms trivialaugment and mixup" in short.notes and "mixup" not in names(short)
    assert short.settings.gan_steps < whole.settings.gan_steps
    assert estimate(data, short) <= 300 or short.seeds == 2
    shortest = plan_of(data, budget=60)
    assert shortest.seeds < LEAST_SEEDS and any("not enough for a claim" in note for note in shortest.notes)
    assert any("the budget leaves" in note for note in shortest.notes)
    assert plan_of(data, budget=10**6).notes == []


def test_a_budget_shortens_what_learns_images_without_labels(study_data):
    data = dataclasses.replace(study_data(), unlabelled=np.zeros((300, 1, 16, 16), np.uint8))
    asked = {"arms": ["pseudo-labels", "fixmatch", "semi-supervised-conv"], "choices": 0}
    whole, short, given = (plan_of(data, **asked, **more) for more in ({}, {"budget": 600}, {"budget": 600, "learner_steps": 3000}))
    assert "learners    fixmatch, semi-supervised-conv: 4000 steps (preset semi-supervised-conv)" in whole.told()
    steps = short.settings.learner_steps
    assert 500 <= steps < 4000 and (estimate(data, short) <= 600 or steps == 500)
    assert f"the budget shortens what learns images without labels from 4000 to {steps} steps: more may do better" in short.notes
    assert given.settings.learner_steps == 3000 and not any("images without labels" in note for note in given.notes)


def test_arms_are_named_by_rule_or_by_splits_that_choose(study_data):
    plan = plan_of(study_data(), arms=["classical", "mixup", "gan", "classical+gan"])
    assert named_arms(plan, {}) == ("gan", "classical")
    scores = {"real": 0.1, "classical": 0.2, "mixup": 0.3, "gan": 0.1, "classical+gan": 0.2}
    assert named_arms(plan, scores) == ("classical+gan", "mixup")
    named = plan_of(study_data(), arms=["classical", "mixup", "gan", "classical+gan"], gan_arm="gan", rival="real")
    assert named_arms(named, scores) == ("gan", "real")
    assert named_arms(plan_of(study_data(), arms=["classical"]), {}) == (None, "classical")
    with pytest.raises(InputError, match="rival: cutmix is not among the arms"):
        plan_of(study_data(), rival="cutmix")


def test_durations():
    assert [told_time(seconds) for seconds in (40, 720, 9000)] == ["40 s", "12 min", "2.5 h"]


def test_a_budget_keeps_an_arm_that_was_named(study_data):
    plan = plan_of(study_data(), budget=60, rival="mixup")
    assert "mixup" in names(plan) and "trivialaugment" not in names(plan) and plan.rival == "mixup"
    assert "(3 of arms" in "\n".join(plan_of(study_data()).told()) and "(3 of arms" not in "\n".join(
        plan_of(study_data(), choices=0).told()
    )


def test_the_plan_tells_what_learns_and_for_how_long(study_data):
    def told(**options):
        plan = plan_of(study_data(), choices=0, **options)
        rows = [line.split(maxsplit=1) for line in plan.told()]
        return {key: "; ".join(value for name, value in rows if name == key) for key, _ in rows}

    arms = ["classical", "pseudo-labels", "consistency", "semi-supervised", "semi-supervised-conv"]
    both = "consistency, semi-supervised: 20000 steps (preset semi-supervised)"
    assert told(arms=arms, labels=[4])["learners"] == f"{both}; semi-supervised-conv: 4000 steps (preset semi-supervised-conv)"
    without_gan = told(arms=arms[:3], labels=[4], learner_steps=50)
    assert without_gan["learners"] == "consistency: 50 steps (preset semi-supervised)" and "GAN" not in without_gan
    assert "learners" not in told(arms=["gan"]) and told(arms=["gan"])["GAN"].startswith("sngan-projection")


def test_classes_may_be_given_by_their_number(study_data):
    """Otherwise a new class would be learnt, under its name, by what varies images."""
    assert plan_of(study_data(), new_classes=["2", "bar"], choices=0).scenarios[0].cut == (("ring", 5), ("bar", 5))
    assert plan_of(study_data(), cut={"1": 3}, choices=0).scenarios[0].cut == (("dot", 3),)
    with pytest.raises(InputError, match="`cut` names a class twice"):
        plan_of(study_data(), cut={"1": 3, "dot": 4}, choices=0)


@pytest.mark.parametrize("arm, reason", [("extra-real", "no real images beyond"), ("pseudo-labels", "no images without labels")])
def test_arms_without_the_images_that_they_need_are_refused(study_data, arm, reason):
    with pytest.raises(InputError, match=reason):
        plan_of(study_data(), arms=[arm], labels=[12])  # all of them
    assert arm in names(plan_of(study_data(), arms=[arm], labels=[4]))


def test_what_takes_no_part_is_not_left_out_by_the_budget_too(study_data):
    notes = plan_of(study_data(), choices=0, budget=1.0).notes
    assert [note for note in notes if "mixup" in note] == [
        "trivialaugment and mixup take no part, as no splits choose between them, unless you name them among the arms"
    ]
    notes = plan_of(study_data(), choices=4, budget=1.0).notes
    assert [note for note in notes if "mixup" in note] == ["the budget leaves out the arms trivialaugment and mixup"]


@pytest.mark.parametrize("largest, arms, measure", [(17, False, "accuracy"), (18, True, "balanced_accuracy")])
def test_what_is_imbalanced_is_so_for_the_arms_and_for_the_measure(study_data, largest, arms, measure):
    """The largest class is one and a half times the smallest, or nearly."""
    data = study_data(pool=(largest, 12, 12, 0))
    plan = plan_of(data)
    assert ("class-weights" in names(plan)) is arms and measure_of(plan, data.labels.counts()) == measure
