"""Pictures of a prediction on its image: contours on the slice with most foreground and on its neighbours."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..results.plot_examples import contour
from ..results.style import new_figure, plain

_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
_SIDE = 2.2  # inches of a panel


def shown_slices(label: NDArray[np.uint8]) -> tuple[int, ...]:
    """The slice with most foreground and its neighbours; the middle one where there is none."""
    depth = label.shape[2]
    counts = (label > 0).sum(axis=(0, 1))
    centre = int(counts.argmax()) if counts.any() else depth // 2
    return tuple(z for z in (centre - 1, centre, centre + 1) if 0 <= z < depth)


def overlay_png(
    image: NDArray[np.float32],
    label: NDArray[np.uint8],
    *,
    names: Mapping[int, str],
    spacing: tuple[float, float, float],
    title: str,
) -> bytes:
    """Draw an overlay.

    Args:
        image: (X, Y, Z), shown between its percentiles 0.5 and 99.5.
        label: (X, Y, Z).
        names: label value to name, one contour each.
        spacing: mm; gives the panels' aspect.
        title: above the panels.

    Returns:
        A PNG, X to the right and Y up.
    """
    from matplotlib.lines import Line2D

    slices = shown_slices(label)
    low, high = np.percentile(image, (0.5, 99.5))
    tall = min(2.0, max(0.5, image.shape[1] * spacing[1] / (image.shape[0] * spacing[0])))
    figure = new_figure(_SIDE * max(2, len(slices)), _SIDE * tall + 0.8)
    axes = figure.subplots(1, len(slices), squeeze=False)[0]
    colours = {value: _COLOURS[k % len(_COLOURS)] for k, value in enumerate(names)}
    for ax, z in zip(axes, slices, strict=True):
        ax.imshow(
            image[:, :, z].T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), origin="lower",
            interpolation="nearest", aspect=spacing[1] / spacing[0],
        )  # fmt: skip
        for value, colour in colours.items():
            contour(ax, label[:, :, z] == value, colour=colour, line="-", edge="white")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"slice {z}: {int((label[:, :, z] > 0).sum())} voxels", fontsize=8)
    figure.suptitle(plain(title, limit=60), fontsize=9)
    handles = [Line2D([], [], color=colour, label=plain(names[value], limit=20)) for value, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)), frameon=False, fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()
