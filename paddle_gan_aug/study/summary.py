"""From rows to answers: a number for each arm, a comparison for each pair, the verdict and the recipe that is recommended."""

from dataclasses import asdict
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..data.splits import check_choice
from ..errors import InputError
from .arm import PSEUDO
from .arms import arm_of
from .plan import Plan, named_arms
from .splits import CHOOSE, HELD_OUT, TEST, StudyData, is_imbalanced
from .statistics import HELPS, HURTS, LEAST_SEEDS, NOTHING, chance_gain, compare, noise, paired

ACCURACY, BALANCED, CUT = "accuracy", "balanced_accuracy", "cut_recall"
WORDS = {ACCURACY: "accuracy", BALANCED: "balanced accuracy", CUT: "recall of the classes that were cut"}  # what arms are compared by


def measure_of(plan: Plan, counts: Sequence[int], asked: Optional[str] = None, tested: Optional[Sequence[str]] = None) -> str:
    """What arms are compared by: as asked, else the accuracy, or with classes of unequal sizes the mean recall of all classes.

    Args:
        counts: images of each class. asked: a key of `WORDS`, or None. tested: the classes of which there are test images; None = all.

    Raises:
        InputError: no such measure, or the recall of classes that were cut where none is, or none is tested.
    """
    if asked is not None:
        check_choice(asked, tuple(WORDS), "measure")
        if asked == CUT and not all(scenario.cut for scenario in plan.scenarios):
            raise InputError("measure: cut_recall is of classes that are cut (`cut`), and none is")
        if asked == CUT and tested is not None and not all({name for name, _ in scenario.cut} & set(tested) for scenario in plan.scenarios):
            raise InputError("measure: cut_recall is of classes that are cut (`cut`), and the test images show none of them")
        return asked
    return BALANCED if is_imbalanced(plan.scenarios, counts) else ACCURACY


def scores_of(rows: Sequence[Dict[str, Any]], role: str, measure: str, scenario: Optional[str] = None) -> Dict[str, Dict[Any, float]]:
    """{arm: {(scenario, seed): score}} of the cells of a role that did not fail."""
    found: Dict[str, Dict[Any, float]] = {}
    for row in rows:
        is_asked = row["role"] == role and not row["error"] and scenario in (None, row["scenario"])
        if is_asked and row[measure] is not None:  # no image of the classes that were cut may be among those that score a split
            found.setdefault(row["arm"], {})[(row["scenario"], row["seed"])] = row[measure]
    return found


def choice_scores(plan: Plan, rows: Sequence[Dict[str, Any]], measure: str) -> Dict[str, float]:
    """{arm: mean score} on the splits that choose, of the arms that have all of them."""
    scores = scores_of(rows, CHOOSE, measure)
    wanted = plan.choices * len(plan.scenarios)
    return {arm: float(np.mean(list(of.values()))) for arm, of in scores.items() if wanted and len(of) == wanted}


def recommended(
    plan: Plan, data: StudyData, rows: Sequence[Dict[str, Any]], gan_arm: Optional[str], rival: str, measure: str
) -> Tuple[Optional[str], str]:
    """(the arm to use, why); None where no cell of it ended well.

    It has generated images only if their paired gain over held-out labels is above what chance gives. Where the compared arms were chosen
    on these very splits, each split's gain is that of the arms which the other splits choose: the best of many on the same splits would
    look better than it is.

    Args:
        plan: as it was asked for, with the arms that were asked for. gan_arm, rival: those that are compared.
    """
    failed, well = ({row["arm"] for row in rows if bool(row["error"]) is has_failed} for has_failed in (True, False))
    if rival in failed - well:
        return None, f"all cells of {rival} failed: see the reasons in the report, and run them again (retry)"
    if rival not in well:
        return None, f"no cell of {rival} has ended: give the study more time"
    if gan_arm is None:
        return rival, "no arm with generated images took part"
    folds = data.test is None
    role = TEST if folds else CHOOSE
    overlap = _overlap(plan, data) if folds else (0.0 if plan.scenarios[0].draws else HELD_OUT / (1 - HELD_OUT))
    scores = scores_of(rows, role, measure)
    differences = _gains_unseen(plan, scores, gan_arm, rival) if not folds else paired(scores.get(gan_arm, {}), scores.get(rival, {}))[0]
    chance = chance_gain(differences, overlap, _one_image([row for row in rows if row["role"] == role and not row["error"]], measure))
    if gan_arm not in scores:
        return rival, f"no cell of {gan_arm} has ended on labels that no part of the recipe had seen"
    if chance is None:
        return rival, "there were no splits on which generated images could show a gain"
    gain = f"{100 * differences.mean():+.2f} points over {len(differences)} splits that no part of the recipe had seen"
    if differences.mean() > chance:
        return gan_arm, f"its gain over {rival}, {gain}, is above {100 * chance:.2f}, what chance may give"
    return rival, f"the gain of {gan_arm} over {rival}, {gain}, is not above {100 * chance:.2f}, what chance may give"


def _one_image(rows: Sequence[Dict[str, Any]], measure: str) -> float:
    """What one held-out image more or less changes in the score of a split, at least: an image of the largest class."""
    if measure == ACCURACY:
        return max((1 / row["tested"] for row in rows), default=0.0)
    counts = [np.sum(row["confusion_matrix"], axis=1) for row in rows]
    return max((1 / (np.count_nonzero(of) * of.max()) for of in counts), default=0.0)


def _gains_unseen(plan: Plan, scores: Dict[str, Dict[Any, float]], gan_arm: str, rival: str) -> np.ndarray:
    """For each split the gain of generated images, float64 [splits]: of the arms that the other splits choose."""
    if gan_arm not in scores or rival not in scores:
        return np.zeros(0)
    splits = sorted(set.intersection(*(set(of) for of in scores.values())))
    if len(splits) < 2:
        return np.zeros(0)  # there is no other split
    gains = []
    for split in splits:
        others = {arm: [value for key, value in of.items() if key in splits and key != split] for arm, of in scores.items()}
        ours, theirs = named_arms(plan, {arm: float(np.mean(values)) for arm, values in others.items() if values})
        gains.append(scores[ours][split] - scores[theirs][split])
    return np.array(gains, dtype=np.float64)


def of_arms(rows: Sequence[Dict[str, Any]], measure: str) -> List[Dict[str, Any]]:
    """A summary of each arm in each scenario: mean and spread over seeds, recall of each class, time, failures."""
    found = []
    for scenario, name in sorted({(row["scenario"], row["arm"]) for row in rows if row["role"] == TEST}):
        mine = [row for row in rows if (row["scenario"], row["arm"], row["role"]) == (scenario, name, TEST)]
        good = [row for row in mine if not row["error"]]
        scores = np.array([row[measure] for row in good])
        recall = np.array([[np.nan if r is None else r for r in row["recall"]] for row in good], float)
        found.append(
            {
                "scenario": scenario,
                "arm": name,
                "says": arm_of(name).says,
                "upper": arm_of(name).upper,
                "labels": good[0]["labels"] if good else None,
                "seeds": len(good),
                "failed": [row["error"] for row in mine if row["error"]],
                "mean": float(scores.mean()) if len(good) else None,
                "spread": float(scores.std(ddof=1)) if len(good) > 1 else None,
                "accuracy": float(np.mean([row["accuracy"] for row in good])) if good else None,
                "recall": [float(of[~np.isnan(of)].mean()) if (~np.isnan(of)).any() else None for of in recall.T] if good else None,
                "learnt_without": _learnt_without(good),
                "classifier_minutes": float(np.mean([row["classifier_seconds"] for row in good])) / 60 if good else None,
                "maker_minutes": _maker_minutes(good),
            }
        )
    return found


def _learnt_without(rows: Sequence[Dict[str, Any]]) -> int:
    """In how many cells too few made images were accepted, and the classifier learnt without them."""
    return sum(bool(row["made"]) and not row["made"].get("used", True) for row in rows)


def told_without(arms: Sequence[Dict[str, Any]]) -> List[str]:
    """A sentence for each arm of which classifiers learnt without the images that were made for them."""
    many = len({row["scenario"] for row in arms}) > 1
    return [
        f"{row['arm']}{', ' + row['scenario'] if many else ''}: in {row['learnt_without']} of {row['seeds']} cells {_too_few(row['arm'])}, "
        "and the classifier learnt without them"
        for row in arms
        if row["learnt_without"]
    ]


def _too_few(arm: str) -> str:
    predicted = arm_of(arm).maker == PSEUDO
    return "too few predictions were confident" if predicted else "too few generated images passed the filters"


def _maker_minutes(rows: Sequence[Dict[str, Any]]) -> Optional[float]:
    seconds = [row["made"]["maker_seconds"] for row in rows if row["made"]]
    return float(np.mean(seconds)) / 60 if seconds else None


def comparisons(
    plan: Plan, data: StudyData, rows: Sequence[Dict[str, Any]], gan_arm: Optional[str], rival: str, measure: str
) -> List[Dict[str, Any]]:
    """Every arm against the rival in every scenario; "named" are those that were named before the run, a family of their own."""
    named, others, noises, overlap = [], [], {}, _overlap(plan, data)
    for scenario in (scenario.name for scenario in plan.scenarios):
        scores = scores_of(rows, TEST, measure, scenario)
        of_rival = {seed: value for (_, seed), value in scores.get(rival, {}).items()}
        for name in (arm.name for arm in plan.arms):
            if name == rival or arm_of(name).upper or name not in scores:
                continue
            differences, seeds = paired({seed: value for (_, seed), value in scores[name].items()}, of_rival)
            if not len(differences):
                continue
            (named if name == gan_arm else others).append((scenario, name, differences))
            noises[scenario, name] = _noise(rows, scenario, name, rival, seeds)
    found = []
    for family, is_named in ((named, True), (others, False)):
        judged = compare([(name, rival, differences) for _, name, differences in family], overlap)
        for (scenario, name, _), one in zip(family, judged):
            seed_noise, image_noise = noises[scenario, name]
            row = {**asdict(one), "seed_noise": seed_noise, "image_noise": image_noise}
            found.append({"scenario": scenario, "named": is_named, **row, "classes": _of_classes(rows, scenario, name, rival, overlap)})
    return found


def _rows_of(rows: Sequence[Dict[str, Any]], scenario: str, arm: str) -> Dict[int, Dict[str, Any]]:
    return {row["seed"]: row for row in rows if (row["scenario"], row["arm"], row["role"]) == (scenario, arm, TEST) and not row["error"]}


def right(row: Dict[str, Any]) -> np.ndarray:
    """bool [images]: which test images a cell's classifier read rightly."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(row["right"]), np.uint8))[: row["tested"]].astype(bool)


def _noise(rows: Sequence[Dict[str, Any]], scenario: str, arm: str, rival: str, seeds: Sequence[int]) -> Tuple[float, float]:
    ours, theirs = _rows_of(rows, scenario, arm), _rows_of(rows, scenario, rival)
    differences = [ours[seed]["accuracy"] - theirs[seed]["accuracy"] for seed in seeds]
    return noise(differences, [right(ours[seed]) for seed in seeds], [right(theirs[seed]) for seed in seeds])


def _overlap(plan: Plan, data: StudyData) -> float:
    """Test images / training images of a fold; 0 where test images score independent draws of labels."""
    return 1 / (plan.settings.folds - 1) if data.test is None else 0.0


def _of_classes(rows: Sequence[Dict[str, Any]], scenario: str, arm: str, rival: str, overlap: float) -> List[Dict[str, Any]]:
    """The mean paired difference of each class's recall, with its 95 % interval (of each class by itself: no claims)."""
    ours, theirs = _rows_of(rows, scenario, arm), _rows_of(rows, scenario, rival)
    seeds = sorted(set(ours) & set(theirs))
    found = []
    for index, name in enumerate(ours[seeds[0]]["class_names"]):
        pairs = [(ours[seed]["recall"][index], theirs[seed]["recall"][index]) for seed in seeds]
        differences = np.array([a - b for a, b in pairs if a is not None and b is not None])
        if len(differences):
            (one,) = compare([(arm, rival, differences)], overlap)
            found.append({"class": name, "mean": one.mean, "low": one.low, "high": one.high, "count": one.count})
    return found


def verdict(
    found: Sequence[Dict[str, Any]], arms: Sequence[Dict[str, Any]], gan_arm: Optional[str], rival: str, measure: str, margin: float
) -> str:
    """The answer in one sentence for each scenario.

    Args:
        found: as `comparisons` returns it. arms: as `of_arms` returns it.
        margin: a difference that is too small to care about, 0 to 1.
    """
    named = [row for row in found if row["named"]]
    if gan_arm is None:
        return f"No arm with generated images took part; {rival} is the arm to use."
    if not named:
        return f"There is no result of {gan_arm} beside {rival}: see what failed or was left out."
    many, without = len(named) > 1, {of["scenario"] for of in arms if of["arm"] == gan_arm and of["learnt_without"] == of["seeds"]}
    sentences = [_nothing_generated(row) if row["scenario"] in without else _sentence(row, measure, margin) for row in named]
    return " ".join((f"{row['scenario']}: " if many else "") + sentence for row, sentence in zip(named, sentences))


def _nothing_generated(row: Dict[str, Any]) -> str:
    return (
        f"Nothing can be said of generated images: in every cell of {row['arm']} {_too_few(row['arm'])}, so its classifiers learnt without "
        f"them ({100 * row['mean']:+.2f} points against {row['rival']}). Train the GAN longer, or take milder filters."
    )


def _sentence(row: Dict[str, Any], measure: str, margin: float) -> str:
    points = f"{100 * row['mean']:+.2f} points of {WORDS[measure]}"
    limits = "" if row["low"] is None else f", 95 % interval {100 * row['low']:+.2f} to {100 * row['high']:+.2f}"
    facts = f"{row['arm']} against {row['rival']}: {points}{limits}, {row['count']} paired seed{'s' * (row['count'] != 1)}"
    p = f", p = {row['p_holm']:.3f}"
    if row["verdict"] == HELPS:
        small = ", which is less than the margin" if abs(row["mean"]) < margin else ""
        return f"Generated images help ({facts}{p}){small}."
    if row["verdict"] == HURTS:
        return f"Generated images hurt ({facts}{p})."
    smallest = "" if row["smallest"] is None else f"; these seeds find differences of {100 * row['smallest']:.2f} points and more"
    if row["verdict"] == NOTHING:
        return f"Generated images have no measurable effect ({facts}{p}{smallest})."
    return f"Not enough for a claim, which needs {LEAST_SEEDS} paired seeds ({facts}{smallest})."
