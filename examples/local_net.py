"""A baseline of one's own: three small convolutions, as a floor that says how much a few pixels of context are worth.

Use it as a file, or install this folder (`pip install ./examples`) and it is found by its entry point:

    mednca-bench run --suite robustness --model local-net --plugin examples/local_net.py

Run the laws on it while you write it: `python examples/local_net.py`.
"""

import torch

from mednca_bench.models import ModelEntry, register
from mednca_bench.models.unets import ConvolutionalSegmenter


def local_net(name: str, *, in_channels: int, out_channels: int) -> ConvolutionalSegmenter:
    """The factory that the registry calls; any further keyword would be an option of the recipe."""
    net = torch.nn.Sequential(
        torch.nn.Conv2d(in_channels, 16, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 16, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, out_channels, 1),
    )
    return ConvolutionalSegmenter(
        name, net, in_channels=in_channels, out_channels=out_channels, multiple=1, minimum=8, options={}
    )


register(ModelEntry("local-net", f"{__name__}:local_net", "three small convolutions", "this file"))

if __name__ == "__main__":
    from mednca_bench.models import build
    from mednca_bench.models.contract import awakened, check_model

    check_model(awakened(build("local-net")))
    print("local-net keeps every law")
