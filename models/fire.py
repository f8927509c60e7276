"""Fire masks: which cells update at which step, from the counter-based generator Philox4x32-10.

A mask bit is a pure function of (fire seed, case, slice, level, step, y, x) and the fire rate, or in training of
(seed, update, sample, level, step, y, x); no state is kept, so batch size, order, threads, tiling and device cannot
matter. docs/fire-masks.md is the specification with test vectors. Generator: Salmon, Moraes, Dror, Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC 2011.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .keys import FireKey, TrainKey

Words = NDArray[np.uint64]  # 32-bit words, each in a 64-bit number so that products fit
Bits = NDArray[np.uint8]  # eight neighbouring cells a byte, the lowest bit at the lowest x

ROUNDS = 10
WORD = 2**32
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)

LANES = 8  # cells per generator call, 16 bits each
RATE_ONE = 2**16  # a cell fires where its 16-bit number is below rate * RATE_ONE
TRAINING = 2**16  # added to the level in the stream counter: training and inference never share a stream
BLOCK = 2**14  # generator calls at a time: the working arrays stay in cache


def philox(counter: Words, key: int) -> None:
    """Encrypt counters in place by Philox4x32-10.

    Args:
        counter: (4, n), one 32-bit word in each 64-bit number; overwritten by the four output words.
        key: 64 bits, the first key word in the low half.
    """
    first, second, third, fourth = counter
    high = np.empty_like(counter[:2])
    for turn in range(ROUNDS):
        key0, key1 = (np.uint64((half + turn * weyl) % WORD) for half, weyl in zip(_halves(key), WEYL, strict=True))
        np.multiply(first, MULTIPLIERS[0], out=high[0])
        np.multiply(third, MULTIPLIERS[1], out=high[1])
        np.bitwise_xor(np.right_shift(high[1], SHIFT, out=first), second, out=first)
        np.bitwise_xor(np.right_shift(high[0], SHIFT, out=third), fourth, out=third)
        np.bitwise_xor(first, key0, out=first)
        np.bitwise_xor(third, key1, out=third)
        np.bitwise_and(high[1], LOW, out=second)
        np.bitwise_and(high[0], LOW, out=fourth)


def threshold(rate: float) -> int:
    """Turn a fire rate in (0, 1] into the 16-bit number below which a cell fires: at least 1, 65,536 for rate 1.

    Raises:
        ValueError: if the rate is outside (0, 1].
    """
    if not 0.0 < rate <= 1.0:
        raise ValueError(f"fire rate {rate} is outside (0, 1]")
    return max(1, int(rate * RATE_ONE + 0.5))


def inference_stream(key: FireKey, *, level: int) -> int:
    """Give the 64-bit stream key of one image and level (first word in the low half)."""
    return _stream(key.seed, int(key.case[:8], 16), int(key.case[8:16], 16), key.slice, level)


def training_stream(key: TrainKey, *, sample: int, level: int) -> int:
    """Give the 64-bit stream key of one sample of a training batch and level."""
    return _stream(key.seed, key.update % 2**32, key.update // 2**32, sample, TRAINING + level)


def _stream(seed: int, *counter: int) -> int:
    words = np.array(counter, np.uint64)[:, None]
    philox(words, seed)
    return int(words[0, 0]) | int(words[1, 0]) << 32


def _halves(number: int) -> tuple[int, int]:
    return number % WORD, number // WORD


def draw(streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> Bits:
    """Draw the fire masks of some streams.

    Args:
        streams: stream keys, one per image.
        steps: number of steps.
        height: cells along y.
        width: cells along x.
        limit: a `threshold`.

    Returns:
        (len(streams), steps, height, ceil(width / 8)) bytes; bits beyond `width` are unspecified.
    """
    columns = -(-width // LANES)
    if limit >= RATE_ONE:
        return np.full((len(streams), steps, height, columns), 0xFF, np.uint8)
    bits = np.empty((len(streams), steps, height * columns), np.uint8)
    at_once = min(steps, -(-BLOCK // (height * columns)))
    fresh = np.zeros((4, at_once, height, columns), np.uint64)  # words: block of x, y, step, 0
    fresh[0] = np.arange(columns)
    fresh[1] = np.arange(height)[:, None]
    words = np.empty((4, at_once * height * columns), np.uint64)
    for image, key in enumerate(streams):
        for start in range(0, steps, at_once):
            fresh[2] = np.arange(start, start + at_once)[:, None, None]
            words[:] = fresh.reshape(4, -1)
            philox(words, key)
            part = bits[image, start : start + at_once]
            part[:] = _compare(words, limit).reshape(at_once, -1)[: len(part)]
    return bits.reshape(len(streams), steps, height, columns)


def _compare(words: Words, limit: int) -> Bits:
    """Pack the comparison of eight 16-bit numbers (four words, low half first) with the limit into one byte."""
    halves = np.empty((words.shape[1], 4), "<u4")
    halves[:] = words.T
    return np.packbits(halves.view("<u2").ravel() < np.uint16(limit), bitorder="little")


def fired(bits: Bits, *, width: int) -> NDArray[np.int64]:
    """List the firing cells of one step.

    Args:
        bits: (B, height, ceil(width / 8)) bytes of `draw`, one step.
        width: cells along x.

    Returns:
        Ascending flat indices into (B, height, width).
    """
    return np.flatnonzero(np.unpackbits(bits, axis=-1, count=width, bitorder="little").view(np.bool_))
