"""The arguments of `python -m benchmarks`."""

from paddle_gan_aug.cli.flags import positive, seed

ROWS = {  # kinds that train the rows of a file
    "recipe": "train the rows of a recipe file and judge their samples",
    "collapse": "train every digit alone, and count the runs that end healthy",
    "zoo": "every preset at one budget of images, measured in every way",
}
FILES = {"recipe": "recipes"}  # where a kind's rows and results are called otherwise


def bench_flags(command):
    """The arguments of `python -m benchmarks`."""
    _speed_flags(command)
    kinds = command.add_subparsers(dest="kind", metavar="WHAT", parser_class=type(command), help="without it the speed of steps, or:")
    for name, text in ROWS.items():
        rows = kinds.add_parser(name, help=f"{text}; stored rows are skipped")
        rows.add_argument("--recipes", default=f"benchmarks/rows/{FILES.get(name, name)}.yaml", metavar="FILE", help="the rows to train")
        rows.add_argument("--only", nargs="+", metavar="NAME", help="these rows alone")
        rows.add_argument("--to", default=f"work/results/{FILES.get(name, name)}", metavar="DIR", help="where the results are")
        rows.add_argument("--stored", action="store_true", help="train nothing, print the table of the rows there are")
        rows.add_argument("--judge", required=True, metavar="RUN", help="the run of classify that reads the samples")
    samples = kinds.add_parser("samples", help="judge the samples of trained runs")
    samples.add_argument("runs", nargs="+", metavar="RUN", help="trained runs")
    samples.add_argument(
        "--part", choices=["test", "valid"], default="test", help="the real images beside them: test for final figures alone"
    )
    samples.add_argument("--count", type=positive, default=5000, help="samples of each run")
    samples.add_argument("--judge", required=True, metavar="RUN", help="the run of classify that reads the samples")
    samples.add_argument("--to", metavar="FILE", help="store the result as JSON")
    features = kinds.add_parser("features", help="train the feature network of a data set anew, as the shipped one was made")
    features.add_argument("--data", default="mnist", help="whose training images it learns")
    features.add_argument("--seed", type=seed, default=0, help="root of all randomness")
    features.add_argument("--to", metavar="DIR", help="where it goes; without it the cache that evaluate looks into")
    quality = kinds.add_parser("quality", help="every metric of trained runs against the test images, as a table, with time and memory")
    quality.add_argument("runs", nargs="+", metavar="RUN", help="trained runs")
    quality.add_argument("--count", type=positive, default=10_000, help="samples of each run")
    quality.add_argument("--part", choices=["test", "valid"], default="test", help="test images, or validation images for any choice")
    quality.add_argument("--to", metavar="FILE", help="store the result as JSON")
    patches = kinds.add_parser("patches", help="make a small colour set in class folders from photographs that scikit-learn ships")
    patches.add_argument("--image-size", type=positive, default=32, metavar="N", help="pixels")
    patches.add_argument("--per-class", type=positive, default=200, metavar="N", help="patches of each of the five classes")
    patches.add_argument("--seed", type=seed, default=0, help="of their places")
    patches.add_argument("--to", required=True, metavar="DIR", help="a new or empty folder")
    variations = kinds.add_parser("variations", help="what the judge reads in variations of real images, by default of classes never seen")
    variations.add_argument("runs", nargs="+", metavar="RUN", help="runs of dagan or learned-augmenter")
    variations.add_argument("--judge", required=True, metavar="RUN", help="the run of classify that reads them")
    variations.add_argument("--classes", nargs="+", metavar="NAME", help="of these classes; without it those the run has not seen")
    variations.add_argument("--count", type=positive, default=500, help="validation images of each class that are varied")
    variations.add_argument("--draws", type=positive, default=8, help="variations of each")
    variations.add_argument("--to", metavar="FILE", help="store the result as JSON")
    holes = kinds.add_parser("holes", help="in how many samples the holes are seen that DiffAugment cuts into what D sees")
    holes.add_argument("runs", nargs="+", metavar="RUN", help="trained GANs of one data set, with DiffAugment and without")
    holes.add_argument("--policy", default="digits", metavar="NAME", help="whose holes: digits, objects, colour or mirrored")
    holes.add_argument("--count", type=positive, default=5000, help="samples of each run")
    holes.add_argument("--to", metavar="FILE", help="store the result as JSON")
    generation = kinds.add_parser("generation", help="images a second, from the latents to PNG files with their manifest")
    generation.add_argument("run", nargs="?", metavar="RUN", help="a trained run; without it the classic transpose generator")
    generation.add_argument("--count", type=positive, default=10_000, help="how many images")
    generation.add_argument("--to", metavar="FILE", help="store the result as JSON")
    whole = kinds.add_parser("wall", help="a whole training as a user types it, from Enter to its end, with its memory")
    whole.add_argument("--gan", default="classic", metavar="PRESET", help="as for train")
    whole.add_argument("--seed", type=seed, default=0, help="root of all randomness")
    whole.add_argument("--judge", metavar="RUN", help="the run of classify that reads the samples; without it they are not read")
    whole.add_argument("--to", metavar="FILE", help="store the result as JSON")
    uneven = kinds.add_parser("imbalanced", help="what augment makes of a folder of MNIST digits with unequal classes, and in what time")
    uneven.add_argument("--digits", nargs="+", default=["3", "5", "8"], metavar="D", help="the classes")
    uneven.add_argument("--counts", nargs="+", type=positive, default=[600, 600, 60], metavar="N", help="images of each")
    uneven.add_argument("--gan", metavar="PRESET", help="as for augment")
    uneven.add_argument("--to", metavar="FILE", help="store the result as JSON")
    agrees = kinds.add_parser("agreement", help="how often a classifier reads a set's images as their labels say")
    agrees.add_argument("set", metavar="SET", help="a folder, an .npz, any labelled data")
    agrees.add_argument("--judge", required=True, metavar="RUN", help="a run of classify, not the one that filtered the set")
    agrees.add_argument("--to", metavar="FILE", help="store the result as JSON")
    cas = kinds.add_parser("cas", help="classifiers that learn generated images alone, tested on real ones; stored rows are skipped")
    cas.add_argument("--rows", default="benchmarks/rows/cas.yaml", metavar="FILE", help="the rows")
    cas.add_argument("--only", nargs="+", metavar="NAME", help="these rows alone")
    cas.add_argument("--to", default="work/results/cas", metavar="DIR", help="where the results are")
    kills = kinds.add_parser("kills", help="kill runs at random moments, resume them, and compare them with an undisturbed one")
    kills.add_argument("--count", type=positive, default=30, help="how many runs are killed")
    kills.add_argument("--seed", type=seed, default=0, help="of the moments")
    kills.add_argument("--data", default="mnist", help="what the runs learn")
    kills.add_argument("--to", metavar="FILE", help="store the result as JSON")
    tuning = kinds.add_parser("tuning", help="the classic step with the run-time settings on and off, side by side")
    tuning.add_argument("--steps", metavar="STEP", default="classic transpose", help="which: 'PRESET VARIANT'")
    tuning.add_argument("--turns", type=positive, default=6, help="how often each is asked for a second's worth of steps")
    tuning.add_argument("--to", metavar="FILE", help="store the result as JSON")


def _speed_flags(command):
    peers = ["pytorch", "original"]
    command.add_argument("--against", choices=peers, help="beside the same step in PyTorch, or the original's on Paddle as installed")
    command.add_argument("--steps", nargs="+", metavar="STEP", help="which: 'PRESET VARIANT' such as 'classic upsample', or mlp")
    command.add_argument("--threads", type=positive, help="CPU threads of each; default: one per physical core")
    command.add_argument("--turns", type=positive, default=6, help="how often each is asked for a second's worth of steps")
    command.add_argument("-o", "--override", nargs="+", action="extend", metavar="KEY=VALUE", default=[], help="any configuration key")
    command.add_argument("--to", metavar="FILE", help="store the result as JSON")


def bench(args):
    """Run `python -m benchmarks`; returns (result, text)."""
    from benchmarks import bench as measurements

    return getattr(measurements, args.kind or "speed")(args)
