"""Studies of a few steps."""

from paddle_gan_aug.study.study import run_study

TINY = {"steps": 4, "gan": "cgan", "gan_steps": 2, "per_class": 6, "seeds": 2, "choices": 0, "quiet": True}


def run(path, tmp_path, **options):
    """Run such a study of the data at a path, with all its folders below `tmp_path`."""
    where = {"to": tmp_path / "study", "output": tmp_path / "output", "log": tmp_path / "log"}
    return run_study(str(path), **{**TINY, "arms": ["classical", "gan"], **where, **options})
