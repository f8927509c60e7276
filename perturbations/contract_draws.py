"""The laws of randomness: severity 0 is the identity, draws are coupled and repeatable, global state plays no part."""

from __future__ import annotations

import json
import random

import numpy as np

from .base import Perturbation, generator
from .contract_specimen import awkward_images, corrupt, draw, specimen
from .family import SEVERITIES


def check_identity(perturbation: Perturbation, *, draws: int = 8) -> None:
    """Severity 0 is the identity, bit for bit."""
    for image in (specimen(perturbation.kind), *awkward_images(perturbation.kind)):
        for seed in range(draws):
            same = corrupt(perturbation, image, 0, seed)
            assert same.tobytes() == image.tobytes(), f"{perturbation.name}: severity 0 changed the image"


def check_severity_range(perturbation: Perturbation) -> None:
    """Severities outside 0-5 are refused with ValueError."""
    for severity in (-1, SEVERITIES + 1):
        try:
            draw(perturbation, specimen(perturbation.kind), severity, 0)
        except ValueError:
            continue
        raise AssertionError(f"{perturbation.name}: severity {severity} must raise ValueError")


def check_repeatable(perturbation: Perturbation, *, draws: int = 8) -> None:
    """The same generator state gives the same bits, whatever was computed in between and in whatever order."""
    image = specimen(perturbation.kind)
    todo = [(severity, seed) for severity in range(SEVERITIES + 1) for seed in range(min(draws, 3))]
    first = {key: corrupt(perturbation, image, *key).tobytes() for key in todo}
    for key in reversed(todo):
        again = corrupt(perturbation, image, *key).tobytes()
        assert again == first[key], f"{perturbation.name}: severity {key[0]}, draw {key[1]} gave other bits"


def check_coupled(perturbation: Perturbation, *, draws: int = 8) -> None:
    """All severities of a draw share every parameter but the magnitude, and consume the same randomness."""
    image = specimen(perturbation.kind)
    for seed in range(draws):
        directions, states = [], []
        for severity in range(SEVERITIES + 1):
            rng = generator(seed, "case", perturbation.name)
            params = perturbation.draw(severity, rng=rng, shape=image.shape, spacing=(1.0, 1.0, 1.0))
            directions.append({key: value for key, value in params.items() if key != perturbation.parameter})
            states.append(rng.bit_generator.state)
        for severity in range(1, SEVERITIES + 1):
            assert directions[severity] == directions[0], f"{perturbation.name}: direction depends on severity"
            assert states[severity] == states[0], f"{perturbation.name}: randomness consumed depends on severity"


def check_random_flag(perturbation: Perturbation, *, draws: int = 8) -> None:
    """`random` says whether draws differ."""
    image = specimen(perturbation.kind)
    distinct = {corrupt(perturbation, image, SEVERITIES, seed).tobytes() for seed in range(max(draws, 8))}
    assert perturbation.random == (len(distinct) > 1), f"{perturbation.name}: random is {perturbation.random}"


def check_global_state(perturbation: Perturbation) -> None:
    """Neither numpy's nor Python's global generator is moved, and what they hold changes nothing."""
    image, results = specimen(perturbation.kind), set()
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - the law is about this very state
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            held = _global_state()
            results.add(corrupt(perturbation, image, 3, 0).tobytes())
            left = _global_state()
            assert held == left, f"{perturbation.name}: global random state was moved"
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
    assert len(results) == 1, f"{perturbation.name}: global random state was read"


def check_json(perturbation: Perturbation, *, draws: int = 8) -> None:
    """Parameters survive JSON unchanged and give the same bits afterwards."""
    image = specimen(perturbation.kind)
    for severity, seed in ((severity, seed) for severity in range(SEVERITIES + 1) for seed in range(min(draws, 3))):
        params = draw(perturbation, image, severity, seed)
        back = json.loads(json.dumps(params, allow_nan=False))
        assert back == params, f"{perturbation.name}: parameters {params} come back from JSON as {back}"
        bits = {perturbation.apply(image, params=given).tobytes() for given in (params, back)}
        assert len(bits) == 1, f"{perturbation.name}: severity {severity} differs after JSON"


def _global_state() -> tuple[object, ...]:
    """State of Python's and numpy's global generators, comparable with ==."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"]
