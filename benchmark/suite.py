"""Suites: frozen, versioned lists of what is run. A suite's bare name means its newest version."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import unknown_name

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What one `run` does.

    Attributes:
        name: with its version, e.g. "robustness-v1".
        summary: one line for `list suites`.
        clean: cases are scored clean, on both grids where perturbations need it.
        perturbations: (family, its version).
        severities: of each perturbation that are run.
        passes: of a stochastic model whose mean is one answer; above 1 an ensemble is scored instead of single passes.
        efficiency: models are timed on this machine.
        sweep: they are timed at the sides and threads of a profile, end to end and from a cold start too, instead of
            one size as trained.
    """

    name: str
    summary: str
    clean: bool = True
    perturbations: tuple[tuple[str, int], ...] = ()
    severities: tuple[int, ...] = SEVERITIES
    passes: int = 1
    efficiency: bool = False
    sweep: bool = False

    @property
    def family(self) -> str:
        """The name without its version."""
        return self.name.rsplit("-v", 1)[0]


_ROBUSTNESS_V1 = (
    ("scale-up", 1),
    ("scale-down", 1),
    ("shape", 1),
    ("shift", 1),
    ("noise", 1),
    ("ghosting", 1),
    ("spike", 1),
    ("bias-field", 1),
)

_ROBUSTNESS_V2 = (
    ("scale-up", 1),
    ("scale-down", 1),
    ("shape", 1),
    ("shift", 1),
    ("rotate", 1),
    ("crop", 1),
    ("noise", 2),
    ("ghosting", 2),
    ("spike", 2),
    ("bias-field", 2),
    ("motion", 1),
    ("gibbs", 1),
    ("blur", 1),
    ("anisotropy", 1),
    ("contrast", 1),
    ("erase", 1),
)

SUITES = (
    Suite(name="accuracy-v1", summary="clean scores on the native grid, as the paper's Table 1"),
    Suite(
        name="robustness-v1",
        summary="clean, and 8 perturbations at 5 severities (scale, shape, shift, noise, ghosting, spike, bias field)",
        perturbations=_ROBUSTNESS_V1,
    ),
    Suite(
        name="robustness-v2",
        summary="clean, and 16 perturbations at 5 severities (6 grid, 10 acquisition), calibrated",
        perturbations=_ROBUSTNESS_V2,
    ),
    Suite(
        name="quality-v1",
        summary="do models foresee failure: clean, 8 perturbations at severities 1, 3, 5; NCAs as means of 10 passes",
        perturbations=_ROBUSTNESS_V1,
        severities=(1, 3, 5),
        passes=10,
    ),
    Suite(name="efficiency-v1", summary="parameters, MACs, latency, peak memory", clean=False, efficiency=True),
    Suite(
        name="efficiency-v2",
        summary="sides x threads: MACs, cold start, latency of the model and from NIfTI to NIfTI, memory, energy",
        clean=False,
        efficiency=True,
        sweep=True,
    ),
    Suite(
        name="paper-v1",
        summary="accuracy, robustness and efficiency in one run",
        perturbations=_ROBUSTNESS_V1,
        efficiency=True,
    ),
    Suite(
        name="paper-v2",
        summary="accuracy, robustness-v2 and efficiency in one run",
        perturbations=_ROBUSTNESS_V2,
        efficiency=True,
    ),
)


def find_suite(name: str) -> Suite:
    """The suite of that name; a bare name finds the newest version. Raises UsageProblem for an unknown one."""
    matches = [s for s in SUITES if name in (s.name, s.family)]
    if not matches:
        families = sorted({suite.family for suite in SUITES})
        raise unknown_name("suite", name, [*families, *(suite.name for suite in SUITES)])
    return max(matches, key=lambda suite: int(suite.name.rsplit("-v", 1)[1]))
