"""Studies side by side: one family of comparisons, and the bound of "never worse"."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.study_cells import judged, never_worse, of_share, study_cells, with_and_without
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.statistics import HELPS, NOTHING, holm, sign_flip

GAINS = {"a": [0.02, 0.03, 0.01, 0.02, 0.025, 0.015, 0.02, 0.03], "b": [0.01, -0.01, 0.0, 0.01, -0.02, 0.0, 0.01, -0.01]}


def study(differences, recipe):
    arms = [{"arm": arm, "scenario": "as it is", "mean": mean} for arm, mean in (("real", 0.7), ("classical", 0.8), ("gan", 0.82))]
    row = {"named": True, "scenario": "as it is", "arm": "gan", "rival": "classical", "differences": differences}
    other = {**row, "named": False, "arm": "real"}
    return {"comparisons": [row, other], "arms": arms, "recommended": {"arm": recipe}, "measure": "accuracy"}


def test_cells_are_one_family():
    found = judged({"a": study(GAINS["a"], "gan"), "b": study(GAINS["b"], "classical")})
    assert [cell["verdict"] for cell in found["cells"]] == [HELPS, NOTHING]
    assert [cell["p_holm"] for cell in found["cells"]] == holm([sign_flip(GAINS["a"]), sign_flip(GAINS["b"])])
    assert (found["without_gan"], found["recipes"]) == (1, 2)
    gains = np.array(GAINS["a"] + [0.0] * 8)
    assert found["never_worse"] == pytest.approx(gains.mean() - stats.t.ppf(0.95, 15) * gains.std(ddof=1) / 4)
    assert never_worse([]) is None


def test_the_stored_study_and_what_is_refused(tmp_path):
    result, table = study_cells(["work/results/study/mnist-10"])
    assert result["cells"][0]["verdict"] == "hurts" and "1 of 1 recipes are without a GAN." in table
    with pytest.raises(InputError, match="is no study that has ended"):
        study_cells([str(tmp_path)])
    with pytest.raises(InputError, match="empty has no comparison that was named"):
        judged({"empty": {**study([], "classical"), "comparisons": []}})


def rows(arm, role, scores):
    return [{"arm": arm, "role": role, "scenario": "as it is", "seed": seed, "error": None, "accuracy": score} for seed, score in scores]


def test_generated_images_beside_the_same_settings_without_them():
    stored = [
        *rows("classical", "test", [(0, 0.50), (1, 0.60), (2, 0.70)]),
        *rows("classical+gan+filter@0.1", "test", [(0, 0.51), (2, 0.74), (5, 0.9)]),
        *rows("classical", "choose", [(1000, 0.5)]),
        *rows("classical+gan+filter@0.1", "choose", [(1000, 0.4)]),
        *rows("pretrain", "test", [(1, 0.57)]),
        *rows("consistency", "test", [(1, 0.57)]),  # learns images without labels: no arm has the same settings
        *rows("extra-real", "test", [(1, 0.57)]),  # its further images are real
        {**rows("classical+gan+filter@0.1", "test", [(1, None)])[0], "error": "failed"},
    ]
    found = with_and_without("mine", "accuracy", stored)
    assert [(row["arm"], row["without"], row["share"], row["plain"]) for row in found] == [
        ("classical+gan+filter@0.1", "classical", 0.1, True),
        ("pretrain", "classical", 0.25, False),
    ]
    assert found[0]["testing"] == pytest.approx([0.01, 0.04]) and found[0]["choosing"] == pytest.approx([-0.1])
    share = of_share(found, 0.1)
    assert share["choosing"] == {"count": 1, "mean": pytest.approx(-0.1), "bound": None}
    assert share["testing"]["bound"] == pytest.approx(0.025 - stats.t.ppf(0.95, 1) * 0.015)
    assert of_share(found, 0.25)["testing"] == {"count": 0, "mean": None, "bound": None}
