"""Fire masks by docs/fire-masks.md, version 1: Philox4x32-10 in plain Python, bit for bit those of the benchmark."""

from __future__ import annotations

from typing import Tuple

ROUNDS = 10
WORD = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
LANES = 8  # cells per generator call, 16 bits each

Words = Tuple[int, int, int, int]


def philox(counter: Words, key: int) -> Words:
    """Encrypt four 32-bit words by a 64-bit key, its first word in the low half."""
    first, second, third, fourth = counter
    key0, key1 = key & WORD, key >> 32
    for _ in range(ROUNDS):
        low, high = first * MULTIPLIERS[0], third * MULTIPLIERS[1]
        first, second, third, fourth = (
            (high >> 32) ^ second ^ key0,
            high & WORD,
            (low >> 32) ^ fourth ^ key1,
            low & WORD,
        )
        key0, key1 = (key0 + WEYL[0]) & WORD, (key1 + WEYL[1]) & WORD
    return first, second, third, fourth


def stream(seed: int, case: str, slice_index: int, level: int) -> int:
    """The stream key of one slice and level (0 coarse, 1 fine); `case` is a SHA-256 in hexadecimal digits."""
    words = philox((int(case[:8], 16), int(case[8:16], 16), slice_index, level), seed)
    return words[0] | words[1] << 32


def fired(key: int, step: int, height: int, width: int, limit: int) -> list[tuple[int, int]]:
    """The (row, column) of the cells that fire at a step."""
    cells = []
    for row in range(height):
        for block in range(-(-width // LANES)):
            words = philox((block, row, step, 0), key)
            for lane in range(min(LANES, width - block * LANES)):
                number = (words[lane // 2] >> 16 * (lane % 2)) & 0xFFFF
                if number < limit:
                    cells.append((row, block * LANES + lane))
    return cells
