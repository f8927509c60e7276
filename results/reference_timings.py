"""Published latencies on a Raspberry Pi, seconds per square image; the file names its source."""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

FILE: Final = "published-pi-timings.csv"
RATIO_SIDE: Final = 320
PUBLISHED_RATIO: Final = 2.29
"""UNet 10.09 s against Med-NCA 4.41 s at 320 × 320."""


def published_timings() -> "pd.DataFrame":
    """Columns `model`, `image_side` (pixels), `seconds`."""
    import pandas as pd

    with files(f"{__package__}.reference").joinpath(FILE).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, comment="#")
