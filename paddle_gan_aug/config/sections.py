"""The sections of the configuration: every setting with its type, its range, its default and what it means.

The sentences above a setting are its documentation. Names of losses, penalties, algorithms, architectures and policies are text here;
`algorithms.checks` compares them with their tables.
"""

from typing import Annotated, List, Literal, Optional, Union

import msgspec

from .fields import (
    Blocks,
    Count,
    Fraction,
    Grey,
    InitStd,
    Latents,
    Many,
    Policy,
    Positive,
    Probability,
    Rate,
    Section,
    Share,
    Side,
    Weight,
    Width,
    Window,
)
from .process_sections import Checkpoint, Eval, Health, Log, Runtime

Augmentation = Literal["none", "standard", "randaugment", "trivialaugment"]


class Data(Section):
    """`data.*`: the images that are trained on."""

    # The data set: a name, or a path of any kind that `data.readers.READERS` lists.
    source: str = "mnist"
    # Whether validation images are held out of training (standard) or trained on too (full).
    split: Literal["standard", "full"] = "standard"
    # The only class that is used; without it all are.
    class_name: Optional[str] = None
    # The only classes that are used, by name, or by index if no name is a number; without it all are.
    classes: Optional[List[Union[int, str]]] = None
    # The number of training images of each class that are used; without it all are.
    per_class: Optional[Positive] = None
    # The number of training images that keep their labels, equally many of each class; only semi-supervised learns the others too.
    labels: Optional[Positive] = None
    # Further images without labels, of any kind that `data.load.READERS` lists, for the algorithm semi-supervised.
    unlabelled: Optional[str] = None
    # The height and width that images are resized to, as `fit` says; without it all images must be square and of one size.
    image_size: Optional[Side] = None
    # How images become square: crop cuts off the ends of the longer side, pad fills up with `background` or the edge, stretch distorts.
    fit: Literal["crop", "pad", "stretch"] = "crop"
    # The colour or grey value that transparent pictures are laid on; without it they are refused.
    background: Optional[Union[Literal["white", "black"], Grey]] = None
    # The values in the files that mean black and white, such as [0, 4095]; without it the values themselves decide.
    window: Optional[Window] = None
    # The number of channels: 1 makes all images grey, 3 makes them colour; without it they keep what all files have.
    channels: Optional[Literal[1, 3]] = None
    # Whether training is allowed where test images are training images, pixel for pixel.
    allow_overlap: bool = False
    # The classical augmentation that keeps the labels right, see `augment.policies`; auto chooses it by the data.
    policy: Policy = "auto"
    # Whether files that are damaged, transparent or animated are left out, instead of refusing the data.
    skip_bad: bool = False
    # The share of every class that is held out for validation; without it a sixth, of IDX and JSON files in mixed order the last one.
    valid_share: Optional[Share] = None
    # The seed of that split, of `per_class` and of `labels`. Another `train.seed` leaves the data as it is.
    seed: Count = 0
    # The absolute path where `source` was found. Training sets it, so that a run finds its data from any folder.
    place: Optional[str] = None


class Generator(Section):
    """`generator.*`: the generator G."""

    # The architecture.
    architecture: str = "classic"
    # How G is told the class: not at all (none), beside the latents (embedding), or in every BatchNorm (batch-norm).
    conditioning: Literal["none", "embedding", "batch-norm"] = "none"
    # The form of the classic architecture: transposed convolutions, or upsampling and convolutions.
    variant: Literal["transpose", "upsample"] = "transpose"
    # The activation; without it tanh for the variant upsample, else leaky_relu.
    activation: Optional[Literal["tanh", "relu", "leaky_relu"]] = None
    # The activation of the image.
    output_activation: Literal["tanh", "leaky_relu", "none"] = "tanh"
    # The normalisation of the residual architecture; the other architectures always use BatchNorm.
    norm: Literal["none", "batch"] = "none"
    # The number of residual blocks of the residual architecture.
    blocks: Blocks = 1
    # The factor on the size of every inner layer.
    width: Width = 1.0
    # The number of latents, the random numbers from which an image is generated.
    latent_dim: Latents = 100
    # The standard deviation of the initial weights; without it the framework's own initialisation is used.
    init_std: InitStd = 0.02
    # The decay of the averaged generator that makes the samples; at 0 there is none.
    ema: Fraction = 0.0


class Discriminator(Section):
    """`discriminator.*`: the discriminator D."""

    # The architecture.
    architecture: str = "classic"
    # How D gets the class; with auxiliary it does not get the class but predicts it with a second head.
    conditioning: Literal["none", "embedding", "projection", "auxiliary"] = "none"
    # The normalisation.
    norm: Literal["none", "batch", "instance", "spectral"] = "none"
    # The number of logits: one (sigmoid) or two (softmax).
    head: Literal["sigmoid", "softmax"] = "sigmoid"
    # The activation.
    activation: Literal["relu", "leaky_relu"] = "relu"
    # Whether the classic architecture sees the last rows and columns, which its published pools drop.
    see_edges: bool = True
    # The share of numbers that is dropped after every convolution; the classic and the residual architecture have no dropout.
    dropout: Fraction = 0.0
    # The number of images that are judged together, stacked on their channels.
    pack: Positive = 1
    # Whether D sees how much the samples of a batch differ.
    minibatch_std: bool = False
    # The number of residual blocks of the residual architecture, at each size of its smaller maps.
    blocks: Blocks = 1
    # The factor on the size of every inner layer.
    width: Width = 1.0
    # The standard deviation of the initial weights; without it the framework's own initialisation is used.
    init_std: InitStd = 0.02


class Classifier(Section):
    """`classifier.*`: the supervised classifier."""

    # The architecture.
    architecture: str = "lenet"
    # The factor on the number of feature maps.
    width: Width = 1.0
    # The share of the features that is dropped in training.
    dropout: Fraction = 0.5
    # The share of every target that is spread over all classes.
    label_smoothing: Fraction = 0.0
    # The weights of images in the loss: equal (none), or higher for rare classes (balanced).
    class_weights: Literal["none", "balanced"] = "none"
    # The order of training images with labels, of a GAN too: each once (shuffled), or rare classes repeated up to the largest (balanced).
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    # The strength tau of the logit-adjusted loss, which makes up for rare classes; 0 is the plain loss.
    logit_adjustment: Weight = 0.0
    # The augmentation of training images (of semi-supervised: the labelled ones), made of transforms that the data's policy allows.
    augmentation: Augmentation = "none"
    # The mixture of training images or of their features.
    mixing: Literal["none", "mixup", "cutmix", "manifold", "mixstyle"] = "none"
    # The number of validations without a better one after which training ends; the best checkpoint is then tested.
    patience: Optional[Positive] = None
    # Whether predictions are averaged over shifted, rotated, scaled and, where safe, mirrored views of each test image.
    test_views: bool = False


class Generated(Section):
    """`generated.*`: generated images in a classifier's training."""

    # The generated images: a set on disk, a GAN's run, or a folder of runs, one for each class.
    source: Optional[str] = None
    # The share of every batch that is generated; at 1 no real image is used.
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    # The weight of a generated image's loss beside that of a real one.
    weight: Rate = 1.0
    # The number of first steps that learn generated images alone; the others learn real ones alone. At 0 the share holds throughout.
    pretrain_steps: Count = 0
    # The number of images of each class that a run makes at once.
    per_class: Many = 500
    # The number of steps after which a run makes the images anew; without it they are made once.
    every_steps: Optional[Positive] = None
    # A run of classify on the same real data, by which the default filters choose among a run's images.
    classifier: Optional[str] = None
    # A run of classify on the same real data, whose predicted probabilities are the soft labels of the generated images.
    teacher: Optional[str] = None


class Loss(Section):
    """`loss.*`: the loss of the algorithms `gan` and `infogan`."""

    # The adversarial loss.
    name: str = "non-saturating"
    # The weight of the class that an auxiliary head predicts.
    class_weight: Weight = 1.0
    # The weight of the categorical code, which infogan's D predicts.
    category_weight: Weight = 1.0
    # The weight of the continuous codes, which infogan's D predicts.
    continuous_weight: Weight = 0.1
    # The weight of sorting real images into infogan's categories; it counts ten times before the codes come in.
    clustering_weight: Weight = 1.0


class Code(Section):
    """`code.*`: the part of infogan's latents that is not noise."""

    # The number of categories.
    categories: Annotated[int, msgspec.Meta(ge=2)] = 10
    # The number of continuous codes.
    continuous: Count = 2
    # The number of steps in which D only sorts real images; within as many again the codes come in. At 0 they count from the start.
    sorting_steps: Count = 0
    # The rounds of 100 steps in which D alone sorts real images before all else; each is judged without labels, and mended if it failed.
    sorting_rounds: Count = 0


class Regularizer(Section):
    """`regularizer.*`: what keeps D smooth."""

    # The penalty on D's gradient.
    penalty: str = "none"
    # The weight of the penalty; without it the weight of the penalty's paper.
    weight: Optional[Rate] = None
    # The number of steps from one penalty to the next; above 1 it is as many times stronger.
    every_steps: Positive = 1
    # The limit of D's weights, which stay within ±clip; at 0 they are not clipped.
    clip: Weight = 0.0
    # The weight of LeCam regularisation.
    lecam: Weight = 0.0


class DiffAugment(Section):
    """`diffaugment.*`: differentiable augmentation of all images that D sees, and its control."""

    # The policy: which transforms are applied, and how strong they are.
    policy: str = "none"
    # The factor on the strengths of all transforms.
    strength: Weight = 1.0
    # The probability of each change; with `adaptive` ada it is where the probability begins.
    probability: Probability = 1.0
    # The value from -1 (black) to 1 (white) that fills holes and enters from the edges; auto takes the median of the data's edges.
    fill: Union[Annotated[float, msgspec.Meta(ge=-1, le=1)], Literal["auto"]] = "auto"
    # The controller: ada controls the probability of the transforms, apa the number of fakes that D is shown as reals.
    adaptive: Literal["none", "ada", "apa"] = "none"
    # The value of E sign D(real) that the controller aims at.
    target: Fraction = 0.6
    # The number of images that take the probability from 0 to 1.
    images_to_one: Positive = 500_000


class Variation(Section):
    """`variation.*`: making another image of a given one. The size of its noise is `generator.latent_dim`."""

    # The number of training images that the run remembers and whose variations its grids show.
    sources: Many = 500
    # The weight of the reward that a dagan gets for differing variations.
    diversity: Weight = 1.0
    # The factor on the strength of the learned augmenter's transforms.
    strength: Weight = 1.0
    # The weight of the classifier's errors beside the teacher's prediction, for the learned augmenter.
    hardness: Weight = 1.0
    # The decay of the moving average that is the learned augmenter's teacher.
    teacher_decay: Fraction = 0.99


class SemiSupervised(Section):
    """`semi_supervised.*`: a discriminator that is the classifier, and learns from images with and without labels."""

    # The networks: mlp sees an image as a row of pixels, for sets like MNIST; conv is for grey or colour images of 28 to 64 pixels.
    architecture: Literal["mlp", "conv"] = "mlp"
    # The factor on the size of the hidden layers of D.
    width: Width = 1.0
    # The number of labelled images in a step; without a value as many as unlabelled ones, train.batch_size.
    labelled_batch: Optional[Many] = None
    # The standard deviation of the noise on D's pixels, which go from 0 to 1 here.
    input_noise: Weight = 0.3
    # The standard deviation of the noise on D's hidden layers.
    hidden_noise: Fraction = 0.5
    # The scales of D's layers at the start: what gives outputs of standard deviation 1 on the data, or one.
    scales: Literal["data", "one"] = "data"
    # Whether images are generated; otherwise unlabelled images serve the consistency terms alone.
    gan: bool = True
    # The weight of telling real images from generated ones, beside the classes of the labelled images.
    unlabelled_weight: Weight = 1.0
    # The weight of the pull-away term of G: generated images of a batch are to differ in D's features, as a complement generator's do.
    pull_away_weight: Weight = 0.0
    # The share of the last weights in the averaged weights, which classify; the average is corrected for its beginning.
    average_rate: Share = 1e-4
    # The weight of the Pi-model: two predictions for an unlabelled image under noise agree.
    pi_weight: Weight = 0.0
    # The weight of virtual adversarial training: the prediction stays the same in the direction in which it changes most.
    vat_weight: Weight = 0.0
    # The length of that step, a Euclidean distance between images with pixels from 0 to 1.
    vat_radius: Rate = 2.0
    # The weight of the entropy of the predictions for unlabelled images.
    entropy_weight: Weight = 0.0
    # The weight of the imbalance of these predictions: in their mean all classes are to be equally frequent.
    balance_weight: Weight = 0.0
    # The weight of the teacher: a confident prediction of the averaged weights is learnt as the label of an unlabelled image.
    teacher_weight: Weight = 0.0
    # The least probability of a prediction that the teacher passes on.
    teacher_confidence: Fraction = 0.95
    # The augmentation of the unlabelled images that learn the teacher's predictions; the teacher sees them as they are.
    teacher_augmentation: Augmentation = "none"
    # The step at which these terms come in.
    consistency_start: Count = 0
    # The number of steps within which their weights grow from 0 to their values.
    consistency_ramp: Positive = 1


class Optimizer(Section):
    """`optimizer.*`: the optimizer Adam."""

    # The learning rate of D; in the classic GAN that of its two optimizers.
    discriminator_lr: Rate = 2e-4
    # The learning rate of G.
    generator_lr: Rate = 2e-4
    # The learning rate of the classifier.
    classifier_lr: Rate = 2e-3
    # The decay of the mean of gradients.
    beta1: Fraction = 0.9
    # The decay of the mean of squared gradients.
    beta2: Fraction = 0.999
    # Whether the two optimizers of D in the classic GAN divide by one running mean of squared gradients instead of each by its own.
    shared_scale: bool = False
    # How the learning rates fall to zero: not at all (constant), within the second half of the run (linear), or along a cosine.
    schedule: Literal["constant", "linear", "cosine"] = "constant"


class Schedule(Section):
    """`schedule.*`: settings that move, along half a cosine, from the values of their own keys to these; without a value they stay."""

    # The number of real images after which they have arrived; without it the run's end.
    images: Optional[Positive] = None
    # The learning rates at the end, as a share of `optimizer.*_lr`.
    learning_rate: Optional[Weight] = None
    # The value of `optimizer.beta2` at the end.
    beta2: Optional[Fraction] = None
    # The weight of the penalty at the end, as a share of `regularizer.weight`.
    penalty: Optional[Weight] = None
    # The value of `diffaugment.probability` at the end.
    augment: Optional[Probability] = None
    # The number of images within which G's average forgets half, at the end, beginning at 0; it takes the place of `generator.ema`.
    ema_images: Optional[Positive] = None


class Train(Section):
    """`train.*`: how training goes."""

    # The passes over the data, in total; when `steps` is given too, the smaller of both ends the run.
    epochs: Optional[Positive] = None
    # The training steps, in total.
    steps: Optional[Positive] = None
    # The real images of a batch.
    batch_size: Positive = 128
    # The steps of D for each step of G.
    discriminator_steps: Positive = 1
    # The number of batches whose mean gradient makes one step.
    accumulate: Positive = 1
    # The root of all randomness.
    seed: Count = 0
    # The label of real images; below 1 it is one-sided label smoothing.
    real_target: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 1.0
    # The standard deviation of the noise on all that D sees; it decays linearly to none.
    instance_noise: Weight = 0.0
    # The step from which the noise decays.
    instance_noise_start: Count = 0
    # The number of steps within which the noise decays.
    instance_noise_steps: Positive = 500
    # Whether the two gradient leaks of the oldest version are repeated, for comparison only.
    gradient_leaks: bool = False


class Config(Section):
    """Everything that defines a run."""

    # What the configuration is for, in one line.
    description: str = ""
    # The preset or file that this configuration began with; `load_config` sets it.
    preset: str = "classic"
    # The training algorithm.
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
    semi_supervised: SemiSupervised = msgspec.field(default_factory=SemiSupervised)
    optimizer: Optimizer = msgspec.field(default_factory=Optimizer)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    train: Train = msgspec.field(default_factory=Train)
    checkpoint: Checkpoint = msgspec.field(default_factory=Checkpoint)
    health: Health = msgspec.field(default_factory=Health)
    eval: Eval = msgspec.field(default_factory=Eval)
    log: Log = msgspec.field(default_factory=Log)
    runtime: Runtime = msgspec.field(default_factory=Runtime)
