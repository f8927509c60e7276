"""docs/fire-masks.md written again with Python integers, one cell at a time: the oracle of models/fire.py."""


def philox(counter: tuple[int, int, int, int], key: int) -> tuple[int, int, int, int]:
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 1 << 32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 = (k0 + 0x9E3779B9) % (1 << 32)
        k1 = (k1 + 0xBB67AE85) % (1 << 32)
    return c0, c1, c2, c3


def inference_stream(seed: int, case: str, slice_index: int, level: int) -> int:
    words = philox((int(case[0:8], 16), int(case[8:16], 16), slice_index, level), seed)
    return words[0] | words[1] << 32


def training_stream(seed: int, update: int, sample: int, level: int) -> int:
    words = philox((update % 2**32, update >> 32, sample, 65536 + level), seed)
    return words[0] | words[1] << 32


def fires(stream: int, rate: float, step: int, y: int, x: int) -> bool:
    word = philox((x // 8, y, step, 0), stream)[x % 8 // 2]
    number = word >> 16 if x % 2 else word & 0xFFFF
    return number < max(1, int(65536 * rate + 0.5))
