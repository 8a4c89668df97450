"""Studies side by side: one family of comparisons, and the bound of "never worse"."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.study_cells import judged, never_worse, study_cells
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
