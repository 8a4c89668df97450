"""The sections of the configuration: every key with its type, its range and its default."""

from typing import Annotated, List, Literal, Optional, Union

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Side = Annotated[int, msgspec.Meta(ge=8, le=1024)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Width = Annotated[float, msgspec.Meta(gt=0, le=8)]
InitStd = Optional[Annotated[float, msgspec.Meta(gt=0)]]
Weight = Annotated[float, msgspec.Meta(ge=0)]
Window = Annotated[List[float], msgspec.Meta(min_length=2, max_length=2)]
Grey = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: an unknown key is an error."""


class Data(Section):
    """`data.*`: what is learnt."""

    source: str = "mnist"  # a name, or a path of any kind that `data.load.READERS` lists
    split: Literal["standard", "full"] = "standard"  # full: the validation part trains too
    class_name: Optional[str] = None  # learn this class alone
    classes: Optional[List[Union[int, str]]] = None  # learn these classes alone: by name, or by place where no name is a number
    per_class: Optional[Positive] = None  # learn from so many images of each class alone
    image_size: Optional[Side] = None  # height and width, by `fit`; None: the images are all alike and square
    fit: Literal["crop", "pad", "stretch"] = "crop"  # crop: cut off the longer side's ends; pad: fill up with `background` or the edge
    background: Optional[Union[Literal["white", "black"], Grey]] = None  # what transparent pictures lie on; None: they are refused
    window: Optional[Window] = None  # [black, white]: the values in the files that mean these, as [0, 4095]; None: told from the values
    channels: Optional[Literal[1, 3]] = None  # 1: grey, 3: colour; None: what all files have
    allow_overlap: bool = False  # go on where test images are training images, pixel for pixel, instead of refusing
    policy: Literal["auto", "digits", "objects", "mirrored"] = "auto"  # classical changes that labels survive; see augment/policies
    skip_bad: bool = False  # leave files out that are damaged, transparent or animated, instead of refusing the data
    valid_share: Optional[Share] = None  # held out of every class; None: a sixth, of IDX and JSON files in mixed order the last one
    seed: Count = 0  # of that split and of per_class: another seed of the run leaves the data as it is
    place: Optional[str] = None  # where `source` was found, an absolute path; set by `train`, so that a run finds its data from any folder


class Generator(Section):
    """`generator.*`: G."""

    architecture: Literal["classic", "augmentor", "folder", "dcgan", "residual"] = "classic"
    conditioning: Literal["none", "embedding", "batch-norm"] = "none"  # how it is told the class: beside the latents, or in every BatchNorm
    variant: Literal["transpose", "upsample"] = "transpose"  # of the classic architecture
    activation: Optional[Literal["tanh", "relu", "leaky_relu"]] = None  # None: tanh for upsample, else leaky_relu
    output_activation: Literal["tanh", "leaky_relu", "none"] = "tanh"
    norm: Literal["none", "batch"] = "none"  # of the residual architecture; the others are always normalised
    blocks: Positive = 1  # of the residual architecture
    width: Width = 1.0  # multiplies every inner layer's size
    latent_dim: Positive = 100
    init_std: InitStd = 0.02  # weights ~ N(0, std); None: the framework's own initialisation
    ema: Fraction = 0.0  # decay of the averaged generator that makes the samples; 0: none is kept


class Discriminator(Section):
    """`discriminator.*`: D."""

    architecture: Literal["classic", "augmentor", "folder", "dcgan", "residual"] = "classic"
    conditioning: Literal["none", "embedding", "projection", "auxiliary"] = "none"  # auxiliary: a second head reads the class
    norm: Literal["none", "batch", "instance", "spectral"] = "none"
    head: Literal["sigmoid", "softmax"] = "sigmoid"  # one logit or two
    activation: Literal["relu", "leaky_relu"] = "relu"
    see_edges: bool = True  # of the classic architecture; False: the published pools, which drop the last rows and columns
    dropout: Fraction = 0.0  # after every convolution, in all architectures but the classic one
    pack: Positive = 1  # images judged together, stacked on their channels
    minibatch_std: bool = False  # D sees how much the samples of a batch differ
    blocks: Positive = 1  # of the residual architecture, at each size of its smaller maps
    width: Width = 1.0
    init_std: InitStd = 0.02


class Classifier(Section):
    """`classifier.*`: the supervised network."""

    architecture: Literal["lenet", "resnet"] = "lenet"
    width: Width = 1.0
    dropout: Fraction = 0.5
    label_smoothing: Fraction = 0.0  # this share of every target is spread over all classes
    class_weights: Literal["none", "balanced"] = "none"  # balanced: the images of rare classes count for more
    sampling: Literal["shuffled", "balanced"] = "shuffled"  # balanced: images of rare classes are repeated up to the largest class
    logit_adjustment: Weight = 0.0  # tau of the logit-adjusted loss, which makes up for rare classes; 0: the plain loss
    augmentation: Literal["none", "standard", "randaugment", "trivialaugment"] = "none"  # with what the data set's policy allows
    mixing: Literal["none", "mixup", "cutmix", "manifold", "mixstyle"] = "none"
    patience: Optional[Positive] = None  # end after so many validations (eval.every_steps) without a better one; the best is tested
    test_views: bool = False  # average the readings of shifted, turned and scaled (where safe mirrored) views of each image


class Generated(Section):
    """`generated.*`: the generated part of a classifier's training."""

    source: Optional[str] = None  # a set on disk, or a GAN's run (or a folder of runs, one for each class)
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5  # of every batch; 1: no real image is learnt
    weight: Rate = 1.0  # of a generated image's loss beside a real one's
    pretrain_steps: Count = (
        0  # the first so many steps learn generated images alone, the others real ones alone; 0: `share` holds throughout
    )
    per_class: Positive = 500  # of a run: images that are made of each class at once
    every_steps: Optional[Positive] = None  # of a run: make them anew so often; None: once
    classifier: Optional[str] = None  # of a run: filter them by the default filters, with this run of classify on the same real data
    teacher: Optional[str] = None  # a run of classify on the same real data, whose readings are their labels: soft ones


class Loss(Section):
    """`loss.*`: what the algorithms `gan` and `infogan` minimise."""

    name: Literal["non-saturating", "saturating", "softmax", "least-squares", "hinge", "wasserstein", "relativistic", "paired"] = (
        "non-saturating"
    )
    class_weight: Weight = 1.0  # of the class read by an auxiliary head
    category_weight: Weight = 1.0  # of the categorical code that infogan reads back
    continuous_weight: Weight = 0.1  # of the continuous ones
    clustering_weight: Weight = 1.0  # of sorting real images into infogan's categories, ten times that before the codes come in; 0: none


class Code(Section):
    """`code.*`: what infogan's latents hold beside noise."""

    categories: Annotated[int, msgspec.Meta(ge=2)] = 10
    continuous: Count = 2
    sorting_steps: Count = 0  # in which D only sorts real images; within as many again the codes come in; 0: they count from the start


class Regularizer(Section):
    """`regularizer.*`: what keeps D smooth."""

    penalty: Literal["none", "gradient-penalty", "r1", "r1-r2", "dragan"] = "none"
    weight: Optional[Rate] = None  # None: the penalty's paper's
    every_steps: Positive = 1  # above 1: a lazy penalty, every so many steps and so much the stronger
    clip: Weight = 0.0  # D's weights stay within ±clip; 0: they are not clipped
    lecam: Weight = 0.0


class DiffAugment(Section):
    """`diffaugment.*`: random changes of all that D sees, and what steers them."""

    policy: Literal["none", "digits", "objects", "colour", "mirrored", "translation"] = "none"
    strength: Weight = 1.0
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0  # of each change; with `adaptive` where it begins
    # what comes in from beyond the edges and shows in holes: -1 is black, 1 white; auto: the median along the edges of the training images
    fill: Union[Annotated[float, msgspec.Meta(ge=-1, le=1)], Literal["auto"]] = "auto"
    adaptive: Literal["none", "ada", "apa"] = "none"  # ada: steers the probability; apa: how many fakes D is shown as reals
    target: Fraction = 0.6  # of E sign D(real)
    images_to_one: Positive = 500_000  # images that take the probability from 0 to 1


class Variation(Section):
    """`variation.*`: what makes another image of a given one; the size of its noise is generator.latent_dim."""

    sources: Positive = 500  # training images that the run remembers, whose variations its grids show
    diversity: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # of a dagan: the weight of the reward for differing variations
    strength: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # of the learned augmenter: multiplies how far its changes may go
    hardness: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # of it: the weight of the classifier's errors beside the teacher's reading
    teacher_decay: Fraction = 0.99  # of the moving average that is the teacher


class Optimizer(Section):
    """`optimizer.*`: Adam; one learning rate for D (in the classic GAN for its two optimizers), one for G."""

    discriminator_lr: Rate = 2e-4
    generator_lr: Rate = 2e-4
    classifier_lr: Rate = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    schedule: Literal["constant", "linear", "cosine"] = "constant"  # linear: constant for half the run, then down to zero


class Schedule(Section):
    """`schedule.*`: settings that move, along half a cosine, from what their own keys say to these (None: they stay)."""

    images: Optional[Positive] = None  # the real images after which they have arrived; None: at the run's end
    learning_rate: Optional[Annotated[float, msgspec.Meta(ge=0)]] = None  # as a share of optimizer.*_lr
    beta2: Optional[Fraction] = None
    penalty: Optional[Annotated[float, msgspec.Meta(ge=0)]] = None  # as a share of regularizer.weight
    augment: Optional[Annotated[float, msgspec.Meta(ge=0, le=1)]] = None  # diffaugment.probability
    ema_images: Optional[Positive] = None  # in generator.ema's place: G's average forgets half within so many images, at first within 0


class Train(Section):
    """`train.*`: how long and on what."""

    epochs: Optional[Positive] = None  # total; when steps is given too, the smaller of both ends the run
    steps: Optional[Positive] = None  # total
    batch_size: Positive = 128
    discriminator_steps: Positive = 1  # of D for each step of G
    accumulate: Positive = 1  # batches whose mean gradient makes one step
    seed: Count = 0
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 1.0  # below 1: one-sided label smoothing
    instance_noise: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # std of the noise on all that D sees, decaying linearly to none
    instance_noise_start: Count = 0  # the step it decays from
    instance_noise_steps: Positive = 500  # and for how long
    gradient_leaks: bool = False  # for the record only: repeats the two gradient leaks of the oldest version


class Checkpoint(Section):
    """`checkpoint.*`"""

    every_steps: Positive = 500
    keep: Positive = 3


class Log(Section):
    """`log.*`: records for people."""

    every_steps: Positive = 10
    grid_every_steps: Positive = 100
    grid_images: Positive = 160
    visualdl: bool = True


class Eval(Section):
    """`eval.*`: measures during training, against validation images."""

    every_steps: Optional[Positive] = None  # None: not at all
    count: Positive = 2000  # images each time
    best: Literal["frechet", "kid", "precision", "recall", "density", "coverage"] = "frechet"  # what the best checkpoint is best by


class Health(Section):
    """`health.*`: whether the samples still look like images of this data."""

    every_steps: Positive = 50
    samples: Annotated[int, msgspec.Meta(ge=8)] = 100  # looked at each time
    settle_steps: Positive = 600  # by when they must have looked healthy once
    recover: bool = True  # False: alarms are recorded, and the run goes on
    tries: Count = 4  # how many rungs of the recovery ladder may be used


class Runtime(Section):
    """`runtime.*`: the process."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    threads: Count = 0  # 0: one per physical core
    cpu_tuning: bool = True


class Config(Section):
    """Everything that defines a run."""

    description: str = ""
    preset: str = "classic"  # where this configuration began; set by `load_config`
    algorithm: str = "classic"
    data: Data = msgspec.field(default_factory=Data)
    generator: Generator = msgspec.field(default_factory=Generator)
    discriminator: Discriminator = msgspec.field(default_factory=Discriminator)
    loss: Loss = msgspec.field(default_factory=Loss)
    code: Code = msgspec.field(default_factory=Code)
    regularizer: Regularizer = msgspec.field(default_factory=Regularizer)
    diffaugment: DiffAugment = msgspec.field(default_factory=DiffAugment)
    classifier: Classifier = msgspec.field(default_factory=Classifier)
    generated: Generated = msgspec.field(default_factory=Generated)
    variation: Variation = msgspec.field(default_factory=Variation)
    optimizer: Optimizer = msgspec.field(default_factory=Optimizer)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    train: Train = msgspec.field(default_factory=Train)
    checkpoint: Checkpoint = msgspec.field(default_factory=Checkpoint)
    health: Health = msgspec.field(default_factory=Health)
    eval: Eval = msgspec.field(default_factory=Eval)
    log: Log = msgspec.field(default_factory=Log)
    runtime: Runtime = msgspec.field(default_factory=Runtime)
