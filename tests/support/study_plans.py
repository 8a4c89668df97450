"""Plans of studies, from what is asked for by name."""

from paddle_gan_aug.study.planning import Request, make_plan


def plan_of(data, slowness=1.0, **asked):
    """The plan of a study of `StudyData` that is asked for so, on a machine that is so slow."""
    return make_plan(data, Request(**asked), lambda seconds: slowness)
