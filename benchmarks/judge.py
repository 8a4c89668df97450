"""What a classifier reads in generated images: the numbers by which runs are compared.

The judge is a run of `classify`; which images are the reference is the caller's choice (validation images for every choice,
test images only for final figures).
"""

from paddle_gan_aug.data import load, to_network
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.metrics import class_shares, code_accuracy, confident_share, mean_pairwise_distance
from paddle_gan_aug.runs.opened import open_run


class Judge:
    """A classifier that reads samples, and the diversity of real images in its features.

    Args:
        run: a run of `classify`, by folder or name.
        part: the reference images: "valid" or "test" (test).
        class_name: judge this class alone.
        source: the data set.
        count: how many reference images at most.

    Raises:
        InputError: the run is not a classifier's.
    """

    def __init__(self, run, part="valid", class_name=None, source="mnist", count=5000):
        opened = open_run(run)
        if not opened.algorithm.reads_images or opened.algorithm.makes_images:
            raise InputError(f"{opened.folder} trained {opened.config.algorithm}: the judge must be a run of classify")
        self.classifier, self.name, self.class_name = opened.algorithm, opened.folder.name, class_name
        real = load(source, part, class_name=class_name, split="standard")
        real = real.subset(range(min(count, len(real))))
        _, features = self.classifier.read(to_network(real.images))
        self.real_distance = mean_pairwise_distance(features)
        self.real_within = _within(features, real.labels)
        self.reference = {"source": real.source, "count": len(real), "mean_pairwise_distance": round(self.real_distance, 4)}

    def samples(self, algorithm, count, rng):
        """The numbers of `count` fresh images of `algorithm`; see `read`."""
        latents, labels = algorithm.latents(count, rng), algorithm.default_labels(count)
        codes = algorithm.categories(latents)
        return self.read(algorithm.draw(latents, labels), labels, codes)

    def read(self, images, labels=None, codes=None):
        """The numbers of images as a dict of plain values.

        Args:
            images: float32 [N, C, H, W] in [-1, 1].
            labels: int64 [N], the class that each was asked for by: then also `agreement`, the share that is read as that, of all and of
                the worst class (`smallest_agreement`), and `diversity_within`, the diversity among images of one class, the mean over
                classes: 0 for a generator that knows one image of each.
            codes: int64 [N], the category that each was made from: then also `code_accuracy`, see `metrics.code_accuracy`.
        """
        probabilities, features = self.classifier.read(images)
        shares = class_shares(probabilities)
        numbers = {
            "count": len(images),
            "confident": round(confident_share(probabilities), 4),
            "classes": dict(zip(self.classifier.class_names, [round(float(share), 4) for share in shares])),
            "smallest_class": round(float(shares.min()), 4),
            "diversity": round(mean_pairwise_distance(features) / self.real_distance, 4),
        }
        if labels is not None:
            agrees = probabilities.argmax(1) == labels
            numbers["agreement"] = round(float(agrees.mean()), 4)
            numbers["smallest_agreement"] = round(min(float(agrees[labels == label].mean()) for label in set(labels.tolist())), 4)
            within = _within(features, labels)
            ratios = [within[label] / self.real_within[label] for label in within if self.real_within.get(label)]
            numbers["diversity_within"] = round(sum(ratios) / len(ratios), 4) if ratios else None
        if codes is not None:
            numbers["code_accuracy"] = round(code_accuracy(codes, probabilities.argmax(1))[0], 4)
        if self.class_name is not None:
            numbers["read_as_class"] = round(float(shares[self.classifier.class_names.index(str(self.class_name))]), 4)
        return numbers


def _within(features, labels):
    """{label: mean distance of two images of that class}, of classes with at least two."""
    chosen = {label: features[labels == label] for label in sorted(set(labels.tolist()))}
    return {label: mean_pairwise_distance(rows) for label, rows in chosen.items() if len(rows) > 1}
