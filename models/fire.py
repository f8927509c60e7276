"""Fire masks: which cells update at which step, from the counter-based generator Philox4x32-10.

A mask bit is a pure function of (fire seed, case, slice, level, step, y, x) and the fire rate, or in training of
(seed, update, sample, level, step, y, x); no state is kept, so batch size, order, threads, tiling and device cannot
matter. docs/fire-masks.md is the specification with test vectors. Generator: Salmon, Moraes, Dror, Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC 2011.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .base import FireKey, TrainKey

Words = NDArray[np.uint64]  # 32-bit words, each in a 64-bit number so that products fit
Bits = NDArray[np.uint8]  # eight neighbouring cells a byte, the lowest bit at the lowest x

ROUNDS = 10
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)

LANES = 8  # cells per generator call, 16 bits each
RATE_ONE = 2**16  # a cell fires where its 16-bit number is below rate * RATE_ONE
TRAINING = 2**16  # added to the level in the stream counter: training and inference never share a stream
BLOCK = 2**14  # generator calls at a time: the working arrays stay in cache


def philox(counter: Sequence[Words], key: Sequence[Words]) -> list[Words]:
    """Encrypt counters by Philox4x32-10.

    Args:
        counter: four arrays of 32-bit words.
        key: two arrays of 32-bit words. All six broadcast against each other.

    Returns:
        Four arrays of 32-bit words.
    """
    word = [np.array(part) for part in np.broadcast_arrays(*counter)]
    if any(part.shape != word[0].shape for part in np.broadcast_arrays(word[0], *key)):
        word = [np.array(part) for part in np.broadcast_arrays(*word, *key)[:4]]
    for turn in range(ROUNDS):
        key0, key1 = ((part + np.uint64(turn * weyl % 2**32)) & LOW for part, weyl in zip(key, WEYL, strict=True))
        product0, product1 = word[0] * MULTIPLIERS[0], word[2] * MULTIPLIERS[1]
        np.bitwise_xor(product1 >> SHIFT, word[1] ^ key0, out=word[0])
        np.bitwise_and(product1, LOW, out=word[1])
        np.bitwise_xor(product0 >> SHIFT, word[3] ^ key1, out=word[2])
        np.bitwise_and(product0, LOW, out=word[3])
    return word


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
    words = philox([np.array(part, np.uint64) for part in counter], _halves(np.array(seed, np.uint64)))
    return int(words[0]) | int(words[1]) << 32


def _halves(number: Words) -> tuple[Words, Words]:
    return number & LOW, number >> SHIFT


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
    shape = (len(streams), steps, height, columns)
    if limit >= RATE_ONE:
        return np.full(shape, 0xFF, np.uint8)
    bits = np.empty(shape, np.uint8)
    keys = np.array(streams, np.uint64)
    block = np.arange(columns, dtype=np.uint64)
    row = np.arange(height, dtype=np.uint64)[:, None]
    zero = np.zeros(1, np.uint64)
    at_once = max(1, BLOCK // (height * columns))
    for image, key in enumerate(keys):
        for start in range(0, steps, at_once):
            step = np.arange(start, min(start + at_once, steps), dtype=np.uint64)[:, None, None]
            words = philox([block, row, step, zero], _halves(key))
            bits[image, start : start + at_once] = _compare(words, limit)
    return bits


def _compare(words: Sequence[Words], limit: int) -> Bits:
    """Pack the comparison of eight 16-bit numbers (four words, low half first) with the limit into one byte."""
    lanes = np.stack([word.astype("<u4") for word in words], axis=-1).view("<u2")
    packed: Bits = np.packbits(lanes < limit, axis=-1, bitorder="little")[..., 0]
    return packed


def fired(bits: Bits, *, width: int) -> NDArray[np.int64]:
    """List the firing cells of one step.

    Args:
        bits: (B, height, ceil(width / 8)) bytes of `draw`, one step.
        width: cells along x.

    Returns:
        Ascending flat indices into (B, height, width).
    """
    return np.flatnonzero(np.unpackbits(bits, axis=-1, count=width, bitorder="little"))


class MaskCache:
    """Masks of the streams used last, up to a budget of bytes.

    The conditions of one case share their fire seeds, so each mask is asked for many times in a row.
    """

    def __init__(self, *, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0
        self._kept: OrderedDict[tuple[int, ...], Bits] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> Bits:
        """Give what `draw` gives, drawing only the streams that are not kept."""
        names = [(stream, steps, height, width, limit) for stream in streams]
        with self._lock:
            found = {name: self._kept[name] for name in names if name in self._kept}
            for name in found:
                self._kept.move_to_end(name)
        missing = [name for name in dict.fromkeys(names) if name not in found]
        if missing:
            drawn = draw([name[0] for name in missing], steps=steps, height=height, width=width, limit=limit)
            found.update(zip(missing, (np.array(part) for part in drawn), strict=True))
            self._keep({name: found[name] for name in missing})
        return np.stack([found[name] for name in names])

    def _keep(self, drawn: dict[tuple[int, ...], Bits]) -> None:
        with self._lock:
            for name, bits in drawn.items():
                if name not in self._kept and bits.nbytes <= self.budget_bytes:
                    self._kept[name] = bits
                    self.used_bytes += bits.nbytes
            while self.used_bytes > self.budget_bytes:
                self.used_bytes -= self._kept.popitem(last=False)[1].nbytes


recent = MaskCache(budget_bytes=2**26)
