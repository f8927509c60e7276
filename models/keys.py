"""Keys: what the randomness of a stochastic model depends on besides level, step and pixel."""

from dataclasses import dataclass

HASH_DIGITS = 64  # hexadecimal digits of a SHA-256
WORD_64 = 2**64


@dataclass(frozen=True)
class FireKey:
    """What the randomness of one image of an inference batch depends on, besides level, step and pixel.

    Attributes:
        seed: the fire seed, in [0, 2**64).
        case: SHA-256 of the case's data, 64 hexadecimal digits.
        slice: index of the axial slice in its volume, in [0, 2**32).
    """

    seed: int
    case: str
    slice: int

    def __post_init__(self) -> None:
        _require_range("fire seed", self.seed, WORD_64)
        _require_range("slice", self.slice, 2**32)
        if len(self.case) != HASH_DIGITS or any(digit not in "0123456789abcdef" for digit in self.case):
            raise ValueError(f"case {self.case!r} is not a SHA-256 in {HASH_DIGITS} lower-case hexadecimal digits")


@dataclass(frozen=True)
class TrainKey:
    """What the randomness of one training batch depends on, besides sample, level, step and pixel.

    Attributes:
        seed: the seed of the training run, in [0, 2**64).
        update: number of the optimiser's update, in [0, 2**64).
    """

    seed: int
    update: int

    def __post_init__(self) -> None:
        _require_range("training seed", self.seed, WORD_64)
        _require_range("update", self.update, WORD_64)


def _require_range(what: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise ValueError(f"{what} {value} is outside [0, {end})")
