"""Plans of studies, from what is asked for by name."""

from paddle_gan_aug.study.planning import Request, make_plan


def plan_of(data, **asked):
    """The plan of a study of `StudyData` that is asked for so."""
    return make_plan(data, Request(**asked))
