"""The sections of the configuration that say how a run is kept, watched and computed; `sections` holds those that say what is trained."""

from typing import ClassVar, Literal, Optional

from .fields import Checked, Count, Many, Pictured, Positive, Section


class Checkpoint(Section):
    """`checkpoint.*`: saving the state of a run."""

    hyperparameters: ClassVar[bool] = False

    # The number of steps from one checkpoint to the next.
    every_steps: Positive = 500
    # The number of checkpoints that are kept.
    keep: Positive = 3
    # Whether a training that is done leaves the newest checkpoint alone whole; older ones then keep what samples are made with.
    light: bool = True


class Log(Section):
    """`log.*`: records for people."""

    hyperparameters: ClassVar[bool] = False

    # The number of steps from one record of the losses to the next.
    every_steps: Positive = 10
    # The number of steps from one grid of samples to the next.
    grid_every_steps: Positive = 100
    # The number of images of a grid.
    grid_images: Pictured = 160
    # The number of steps from one histogram of the weights, the gradients and D's scores to the next.
    histograms_every_steps: Positive = 200
    # Whether VisualDL records are written.
    visualdl: bool = True


class Eval(Section):
    """`eval.*`: measures during training, against validation images."""

    hyperparameters: ClassVar[bool] = False

    # The number of steps from one measurement to the next; without it nothing is measured.
    every_steps: Optional[Positive] = None
    # The number of images that are measured each time.
    count: Many = 2000
    # The metric by which the best checkpoint is chosen.
    best: str = "frechet"


class Health(Section):
    """`health.*`: checks that the samples still look like images of the data."""

    hyperparameters: ClassVar[bool] = False

    # The number of steps from one check to the next.
    every_steps: Positive = 50
    # The number of samples that are checked each time.
    samples: Checked = 100
    # The step by which the samples must have looked healthy once.
    settle_steps: Positive = 600
    # Whether a collapsed run goes back and on with milder settings; otherwise alarms are only recorded.
    recover: bool = True
    # The number of changes that a recovery may make, one after the other.
    tries: Count = 4


class Runtime(Section):
    """`runtime.*`: the process."""

    hyperparameters: ClassVar[bool] = False

    # The device that computes.
    device: Literal["auto", "cpu", "gpu"] = "auto"
    # What a training computes products with; bfloat16 and float16 need a GPU. Weights, losses, penalties and samples stay float32.
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    # The number of CPU threads; 0 means one for each physical core.
    threads: Count = 0
    # Whether the code path, the threads and the allocator are chosen for this CPU.
    cpu_tuning: bool = True
    # The memory that the process may hold, in MB: a training that needs more is refused. Without it what the machine has left counts.
    memory_limit: Optional[Positive] = None
    # The cache folder, for decoded pictures and feature networks; without it output/.cache. PADDLE_GAN_AUG_CACHE takes precedence.
    cache: Optional[str] = None
