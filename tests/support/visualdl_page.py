"""What the VisualDL page of a log folder is given, asked for through its own HTTP API."""

import io
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from paddle_gan_aug.records.dashboard import make_app


class Page:
    """What the VisualDL page of a log folder is given."""

    def __init__(self, log_folder):
        from werkzeug.test import Client

        self.client = Client(make_app(log_folder, cache_seconds=1e-9))

    def get(self, path, **query):
        return self.client.get(f"/app/api/{path}?{urlencode(query)}")

    def data(self, path, **query):
        return self.get(path, **query).json["data"]

    def tags(self, kind):
        """{run: tags}"""
        found = self.data(f"{kind}/tags")
        return dict(zip(found["runs"], found["tags"]))

    def curve(self, run, tag):
        """[(step, value)]"""
        return [(step, value) for _, step, value in self.data("scalar/list", run=run, tag=tag)]

    def images(self, run, tag):
        """{step: uint8 [H, W, 3]}"""
        steps = [entry["step"] for entry in self.data("image/list", run=run, tag=tag)]
        files = [self.get("image/image", run=run, tag=tag, index=index).data for index in range(len(steps))]
        return {step: np.asarray(Image.open(io.BytesIO(file), formats=["PNG"])) for step, file in zip(steps, files)}
