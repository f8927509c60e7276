"""Profiles: how long and how often is timed.

`quick` is for a look: as many rounds as fit in about 3 s. `conformant` follows the performance mode of MLPerf Tiny
(Banbury et al., NeurIPS Datasets and Benchmarks 2021): warm-up, five windows of at least 10 s each, and of every
figure the median over the windows. Both have fixed seeds, and no answer and no fire mask is ever used twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import unknown_name


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How long and how often.

    Attributes:
        name: what the user types.
        summary: one line for `--help` and the documentation.
        windows: how many times the rounds are timed over again.
        seconds: of one window; the least if `full`, else about the most.
        full: whether a window must reach its seconds.
        rounds: fewest and most rounds of a window; None: no upper limit.
        cold_starts: fresh processes whose start is timed.
        sides: image sides in pixels.
        single_thread: whether one thread is timed beside the number asked for.
    """

    name: str
    summary: str
    windows: int
    seconds: float
    full: bool
    rounds: tuple[int, int | None]
    cold_starts: int
    sides: tuple[int, ...]
    single_thread: bool

    def rounds_for(self, seconds: float) -> int:
        """How many rounds make a window, if one takes that many seconds.

        >>> [PROFILES["quick"].rounds_for(seconds) for seconds in (0.001, 0.1, 8.0)]
        [200, 30, 3]
        >>> [PROFILES["conformant"].rounds_for(seconds) for seconds in (0.001, 0.1, 8.0)]
        [11500, 115, 3]
        """
        wanted = round(self.seconds * (_MARGIN if self.full else 1.0) / seconds)
        least, most = self.rounds
        return max(least, wanted if most is None else min(wanted, most))


_MARGIN = 1.15  # the last warm-up round is no exact forecast
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="quick",
            summary="one window of about 3 s, sides 64, 256 and 320",
            windows=1,
            seconds=3.0,
            full=False,
            rounds=(3, 200),
            cold_starts=1,
            sides=(64, 256, 320),
            single_thread=False,
        ),
        Profile(
            name="conformant",
            summary="five windows of at least 10 s each and their median, sides 64 to 960; takes hours",
            windows=5,
            seconds=10.0,
            full=True,
            rounds=(3, None),
            cold_starts=5,
            sides=(64, 128, 256, 320, 480, 640, 960),
            single_thread=True,
        ),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of that name. Raises UsageProblem for an unknown one."""
    if name not in PROFILES:
        raise unknown_name("profile", name, list(PROFILES))
    return PROFILES[name]
