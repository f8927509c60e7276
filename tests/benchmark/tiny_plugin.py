"""A plug-in for tests: recipes, and models: one of worked-out answers, one that dies, one that fails, a slow one."""

import os
import signal
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from mednca_bench.benchmark.recipe import RECIPES, Recipe
from mednca_bench.models import ModelEntry, register
from mednca_bench.models.base import FireKey, Segmenter
from mednca_bench.results import plots


class Threshold(Segmenter):
    """Output k of K answers where the image is within 1 / 2K of (k + 1) / K; for K = 1 that is above 1/2."""

    def __init__(self, name: str, *, in_channels: int, out_channels: int) -> None:
        super().__init__(name, in_channels=in_channels, out_channels=out_channels, options={})
        self.gain = torch.nn.Parameter(torch.ones(1))
        self.layers = torch.nn.ModuleList([torch.nn.Conv2d(1, 1, 1)])  # trained, but of no effect on the sign
        self.again = self.layers[0]  # registered twice, as PyPI unet does it

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        centre = torch.arange(1, self.out_channels + 1)[:, None, None] / self.out_channels
        return self.gain * (1 / (2 * self.out_channels) - (image[:, :1] - centre).abs())

    def macs(self, height: int, width: int) -> int:
        return self.out_channels * height * width


class Fatal(Threshold):
    """Kills the process it runs in, as the kernel does when memory runs out."""

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return image


class Failing(Threshold):
    """Cannot segment an image whose mean is above 1/2."""

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        if image.mean() > 0.5:
            raise RuntimeError("too bright")
        return super().segment(image, keys=keys)


class Patient(Threshold):
    """Takes half a second for every batch it is trained on."""

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        if self.training:
            time.sleep(0.5)
        return super().segment(image, keys=keys)


def tiny(model: str) -> Recipe:
    return Recipe(
        name="tiny",
        model=model,
        options={"steps": 2} if model.startswith("med-nca") else {},
        size=(16, 16),
        batch=4,
        updates=4,
        learning_rate=1e-3,
        betas=(0.5, 0.5),
        schedule="cosine",
        clip_norm=1.0,
    )


for make in (Threshold, Fatal, Failing, Patient):
    register(ModelEntry(make.__name__.lower(), f"{__name__}:{make.__name__}", "for tests", "tests"))
RECIPES["tiny"] = tiny
if "TEST_WITHOUT_PLOTS" in os.environ:  # they take longer than everything else
    plots.write = lambda folder, **options: []
