"""One typed configuration, the same in YAML, on the command line and in Python.

A preset is a YAML file that holds only what differs from the defaults below; `config.yaml` in a run holds everything. A
misspelt key or a value of the wrong type is an error that names the key and, for a misspelling, the nearest one: silently
ignored settings cost more time than any other mistake.
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, List, Literal, Optional, Union, get_args

import msgspec
import yaml

from .errors import InputError
from .files import find_path

PRESETS = Path(__file__).with_name("configs")

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Side = Annotated[int, msgspec.Meta(ge=8, le=1024)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Width = Annotated[float, msgspec.Meta(gt=0, le=8)]
InitStd = Optional[Annotated[float, msgspec.Meta(gt=0)]]
Weight = Annotated[float, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: an unknown key is an error."""


class Data(Section):
    """`data.*`: what is learnt."""

    source: str = "mnist"  # a name, or a path of any kind that `data.load.READERS` lists
    split: Literal["standard", "full"] = "standard"  # full: the validation part trains too
    class_name: Optional[str] = None  # learn this class alone
    classes: Optional[List[Union[int, str]]] = None  # learn these classes alone, by name or index
    per_class: Optional[Positive] = None  # learn from so many images of each class alone
    image_size: Optional[Side] = None  # resize the shorter side to this and crop the longer; None: the images are all alike and square
    channels: Optional[Literal[1, 3]] = None  # 1: grey, 3: colour; None: what all files have
    skip_bad: bool = False  # leave files out that are damaged, transparent or animated, instead of refusing the data
    valid_share: Optional[Share] = None  # held out of every class; None: a sixth, of IDX and JSON files the last one
    seed: Count = 0  # of that split and of per_class: another seed of the run leaves the data as it is


class Generator(Section):
    """`generator.*`: G."""

    architecture: Literal["classic", "augmentor", "folder", "dcgan"] = "classic"
    conditioning: Literal["none", "embedding", "batch-norm"] = "none"  # how it is told the class: beside the latents, or in every BatchNorm
    variant: Literal["transpose", "upsample"] = "transpose"  # of the classic architecture
    activation: Optional[Literal["tanh", "relu", "leaky_relu"]] = None  # None: tanh for upsample, else leaky_relu
    output_activation: Literal["tanh", "leaky_relu"] = "tanh"
    width: Width = 1.0  # multiplies every inner layer's size
    latent_dim: Positive = 100
    init_std: InitStd = 0.02  # weights ~ N(0, std); None: the framework's own initialisation
    ema: Fraction = 0.0  # decay of the averaged generator that makes the samples; 0: none is kept


class Discriminator(Section):
    """`discriminator.*`: D."""

    architecture: Literal["classic", "augmentor", "folder", "dcgan"] = "classic"
    conditioning: Literal["none", "embedding", "projection", "auxiliary"] = "none"  # auxiliary: a second head reads the class
    norm: Literal["none", "batch", "instance", "spectral"] = "none"
    head: Literal["sigmoid", "softmax"] = "sigmoid"  # one logit or two
    activation: Literal["relu", "leaky_relu"] = "relu"
    see_edges: bool = True  # of the classic architecture; False: the published pools, which drop the last rows and columns
    dropout: Fraction = 0.0  # after every convolution, in all architectures but the classic one
    pack: Positive = 1  # images judged together, stacked on their channels
    minibatch_std: bool = False  # D sees how much the samples of a batch differ
    width: Width = 1.0
    init_std: InitStd = 0.02


class Classifier(Section):
    """`classifier.*`: the supervised network."""

    architecture: Literal["lenet", "resnet"] = "lenet"
    width: Width = 1.0
    dropout: Fraction = 0.5
    label_smoothing: Fraction = 0.0  # this share of every target is spread over all classes
    class_weights: Literal["none", "balanced"] = "none"  # balanced: the images of rare classes count for more
    augmentation: Literal["none", "standard", "randaugment", "trivialaugment"] = "none"  # with what the data set's policy allows
    mixing: Literal["none", "mixup", "cutmix", "manifold", "mixstyle"] = "none"
    patience: Optional[Positive] = None  # end after so many validations (eval.every_steps) without a better one; the best is tested
    test_views: bool = False  # average the readings of shifted, turned and scaled (where safe mirrored) views of each image


class Generated(Section):
    """`generated.*`: the generated part of a classifier's training."""

    source: Optional[str] = None  # a set on disk, or a GAN's run (or a folder of runs, one for each class)
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5  # of every batch; 1: no real image is learnt
    weight: Rate = 1.0  # of a generated image's loss beside a real one's
    per_class: Positive = 500  # of a run: images that are made of each class at once
    every_steps: Optional[Positive] = None  # of a run: make them anew so often; None: once
    classifier: Optional[str] = None  # of a run: filter them by the default filters, with this run of classify on the same real data


class Loss(Section):
    """`loss.*`: what the algorithms `gan` and `infogan` minimise."""

    name: Literal["non-saturating", "saturating", "softmax", "least-squares", "hinge", "wasserstein", "relativistic"] = "non-saturating"
    class_weight: Weight = 1.0  # of the class read by an auxiliary head
    category_weight: Weight = 1.0  # of the categorical code that infogan reads back
    continuous_weight: Weight = 0.1  # of the continuous ones


class Code(Section):
    """`code.*`: what infogan's latents hold beside noise."""

    categories: Annotated[int, msgspec.Meta(ge=2)] = 10
    continuous: Count = 2


class Regularizer(Section):
    """`regularizer.*`: what keeps D smooth."""

    penalty: Literal["none", "gradient-penalty", "r1", "dragan"] = "none"
    weight: Optional[Rate] = None  # None: the penalty's paper's
    every_steps: Positive = 1  # above 1: a lazy penalty, every so many steps and so much the stronger
    clip: Weight = 0.0  # D's weights stay within ±clip; 0: they are not clipped
    lecam: Weight = 0.0


class DiffAugment(Section):
    """`diffaugment.*`: random changes of all that D sees, and what steers them."""

    policy: Literal["none", "digits", "objects", "colour"] = "none"
    strength: Weight = 1.0
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0  # of each change; with `adaptive` where it begins
    fill: Annotated[float, msgspec.Meta(ge=-1, le=1)] = -1.0  # the data's background; -1 is black
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
    train: Train = msgspec.field(default_factory=Train)
    checkpoint: Checkpoint = msgspec.field(default_factory=Checkpoint)
    health: Health = msgspec.field(default_factory=Health)
    eval: Eval = msgspec.field(default_factory=Eval)
    log: Log = msgspec.field(default_factory=Log)
    runtime: Runtime = msgspec.field(default_factory=Runtime)


def presets():
    """The shipped presets as {name: one-line description}, in alphabetical order."""
    return {
        path.stem: (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("description", "")
        for path in sorted(PRESETS.glob("*.yaml"))
    }


def load_config(source="classic", overrides=None):
    """Read a configuration.

    Args:
        source: the name of a shipped preset, a YAML file, or a `Config`.
        overrides: {"section.key": value} laid over it; values may be strings as typed on a command line.

    Raises:
        InputError: no such preset or file, not YAML, an unknown key, a value of the wrong type or range.
    """
    if isinstance(source, Config):
        tree, source = to_tree(source), source.preset
    else:
        path = _source_path(source)
        tree = _read_yaml(path)
        tree.setdefault("preset", path.stem)
    for key, value in _with_one_length(overrides or {}).items():
        _lay_over(tree, key, value)
    return from_tree(tree, where=str(source))


def _with_one_length(overrides):
    """Whoever says how long by one measure means that one, not the smaller of it and the preset's other measure."""
    length = [key for key in ("train.steps", "train.epochs") if overrides.get(key) is not None]
    if len(length) != 1:
        return overrides
    (other,) = {"train.steps", "train.epochs"} - set(length)
    return {other: None, **overrides}


def _source_path(source):
    if str(source) in presets():
        return PRESETS / f"{source}.yaml"
    path = find_path(source)
    if path.is_file():
        return path
    near = difflib.get_close_matches(str(source), presets(), n=1)
    hint = f"did you mean {near[0]}?" if near else "the presets are " + ", ".join(presets())
    raise InputError(f"no preset or configuration file named {source}; {hint}")


def _read_yaml(path):
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML: {reason}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected keys and values at the top level, found a {type(tree).__name__}")
    return tree


def parse_overrides(pairs):
    """["train.steps=100", …] -> {"train.steps": 100, …}; the right-hand side is read as YAML.

    Raises:
        InputError: an item without "=".
    """
    parsed = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise InputError(f"-o {pair}: expected section.key=value, for example -o train.steps=100")
        try:
            parsed[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            parsed[key.strip()] = text
    return parsed


def _lay_over(tree, dotted, value):
    *sections, key = dotted.split(".")
    for name in sections:
        inner = tree.get(name)
        if inner is None:
            inner = tree[name] = {}
        if not isinstance(inner, dict):
            raise InputError(f"{dotted}: {name} is not a section")
        tree = inner
    tree[key] = value


def from_tree(tree, where="configuration"):
    """A plain tree of dicts -> Config; the inverse of `to_tree`.

    Raises:
        InputError: an unknown key (the nearest is named), a wrong type or range.
    """
    _check_keys(tree, Config, "", where)
    try:
        return msgspec.convert(_numbers(tree), Config, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at `$.")
        key = key.rstrip("`")
        raise InputError(f"{where}: {key or 'configuration'}: {_plain(message, key)}, got {_value_at(tree, key)!r}") from None


_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def _numbers(value):
    """YAML 1.1 reads 2e-4 as text; a number is meant."""
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)
    return value


def _plain(message, key):
    if message.startswith("Invalid enum value"):
        return "expected one of " + ", ".join(_choices(key))
    return message.replace("`", "").replace("Expected", "expected").partition(", got")[0].replace("| null", "or nothing")


def _choices(dotted):
    """The values that a key of type Literal (or Optional[Literal]) may take."""
    section, kind = Config, None
    for name in dotted.split("."):
        kind = next(field.type for field in msgspec.structs.fields(section) if field.name == name)
        section = kind
    flat = [choice for part in get_args(kind) for choice in (get_args(part) or (part,))]
    return [str(choice) for choice in flat if choice is not type(None)]


def _value_at(tree, dotted):
    for name in dotted.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _check_keys(tree, section, prefix, where):
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in tree.items():
        if key not in fields:
            raise InputError(f"{where}: unknown key {prefix}{key}; {_nearest(prefix, str(key), fields)}")
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, Section):
            if not isinstance(value, dict):
                raise InputError(f"{where}: {prefix}{key} is a section; set its keys, such as {prefix}{key}.{_first_key(inner)}")
            _check_keys(value, inner, f"{prefix}{key}.", where)


def _first_key(section):
    return msgspec.structs.fields(section)[0].name


def _nearest(prefix, key, fields):
    everywhere = all_keys()
    near = (
        [prefix + name for name in difflib.get_close_matches(key, fields, n=1, cutoff=0.6)]
        or [dotted for dotted in everywhere if dotted.endswith(f".{key}")]  # the right key in the wrong section
        or difflib.get_close_matches(prefix + key, everywhere, n=1, cutoff=0.75)
    )
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(fields)


def all_keys(section=Config, prefix=""):
    """Every dotted key of the configuration, such as "train.steps"."""
    keys = []
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            keys += all_keys(field.type, f"{prefix}{field.name}.")
        else:
            keys.append(prefix + field.name)
    return keys


def to_tree(config):
    """Config -> a plain tree of dicts, lists, strings and numbers."""
    return msgspec.to_builtins(config)


def to_flat(config):
    """Config -> {"section.key": value}."""
    flat = {}
    for key in all_keys():
        value = config
        for name in key.split("."):
            value = getattr(value, name)
        flat[key] = value
    return flat


def to_yaml(config):
    """Config -> YAML text that `load_config` reads back to an equal Config."""
    return yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True)
