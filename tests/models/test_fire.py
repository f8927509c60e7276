"""Fire masks against the specification, the generator's published answers and a second implementation."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mednca_bench.models import fire
from mednca_bench.models.fire_cache import MaskCache
from mednca_bench.models.keys import FireKey, TrainKey
from tests.models import philox_reference as reference

PAGE = Path(__file__).parents[2] / "docs" / "fire-masks.md"
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

seeds = st.integers(0, 2**64 - 1)
words = st.integers(0, 2**32 - 1)
rates = st.floats(1e-6, 1.0)
cases = st.text("0123456789abcdef", min_size=64, max_size=64)


def table(heading: str) -> Iterator[list[str]]:
    """Rows of the page's table whose first heading cells are `heading`."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    assert any(line == heading for line in lines), heading
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def cells(bits: np.ndarray, width: int) -> np.ndarray:
    return np.unpackbits(bits, axis=-1, bitorder="little")[..., :width].astype(bool)


def test_published_known_answers() -> None:
    rows = list(table("| c0 c1 c2 c3 | k | words |"))
    assert len(rows) == 3
    for counter, key, expected in rows:
        start = [int(word, 16) for word in counter.split()]
        answer = [int(word, 16) for word in expected.split()]
        state = np.array(start, np.uint64)[:, None]
        fire.philox(state, int(key, 16))
        assert state[:, 0].tolist() == answer
        assert list(reference.philox(tuple(start), int(key, 16))) == answer


def test_streams_of_the_page() -> None:
    tables = re.split("Training streams", PAGE.read_text(encoding="utf-8"))
    assert len(tables) == 2
    rows = list(table("| s | case | z | l | stream key |"))
    assert len(rows) == 4
    for seed, case, slice_index, level, expected in rows:
        key = FireKey(int(seed), EMPTY_HASH if case == "H" else case, int(slice_index))
        assert fire.inference_stream(key, level=int(level)) == int(expected, 16)
    rows = list(table("| s | u | n | l | stream key |"))
    assert len(rows) == 4
    for seed, update, sample, level, expected in rows:
        stream = fire.training_stream(TrainKey(int(seed), int(update)), sample=int(sample), level=int(level))
        assert stream == int(expected, 16)


def test_masks_of_the_page() -> None:
    rows = list(table("| stream key | rate | t | y | cells |"))
    assert len(rows) == 12
    for stream, rate, step, row, expected in rows:
        limit = fire.threshold(float(rate))
        bits = fire.draw([int(stream, 16)], steps=int(step) + 1, height=int(row) + 1, width=24, limit=limit)
        drawn = cells(bits, 24)[0, -1, -1]
        assert "".join("#" if fires else "." for fires in drawn) == expected.strip("`")


@given(counter=st.tuples(words, words, words, words), key=seeds)
def test_generator_against_python_integers(counter: tuple[int, int, int, int], key: int) -> None:
    state = np.array(counter, np.uint64)[:, None].repeat(3, 1)
    fire.philox(state, key)
    assert state.tolist() == [[word] * 3 for word in reference.philox(counter, key)]


@given(seed=seeds, case=cases, number=words, level=st.integers(0, 1), update=seeds)
def test_streams_against_python_integers(seed: int, case: str, number: int, level: int, update: int) -> None:
    expected = reference.inference_stream(seed, case, number, level)
    assert fire.inference_stream(FireKey(seed, case, number), level=level) == expected
    expected = reference.training_stream(seed, update, number, level)
    assert fire.training_stream(TrainKey(seed, update), sample=number, level=level) == expected


@settings(max_examples=25, deadline=None)
@given(
    streams=st.lists(seeds, min_size=1, max_size=3),
    rate=rates,
    steps=st.integers(1, 3),
    height=st.integers(1, 6),
    width=st.integers(1, 20),
)
def test_masks_against_python_integers(streams: list[int], rate: float, steps: int, height: int, width: int) -> None:
    bits = fire.draw(streams, steps=steps, height=height, width=width, limit=fire.threshold(rate))
    drawn = cells(bits, width)
    for (image, step, y, x), fires in np.ndenumerate(drawn):
        assert fires == reference.fires(streams[image], rate, step, y, x)
    first = [index for index, fires in enumerate(drawn[:, 0].ravel()) if fires]
    assert fire.fired(bits[:, 0], width=width).tolist() == first


@pytest.mark.parametrize("block", [1, 7, 100, 10**6])
def test_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    expected = fire.draw([1, 2], steps=5, height=6, width=20, limit=30_000)
    monkeypatch.setattr(fire, "BLOCK", block)
    assert np.array_equal(fire.draw([1, 2], steps=5, height=6, width=20, limit=30_000), expected)


@given(stream=seeds, height=st.integers(1, 9), width=st.integers(1, 30))
def test_a_larger_image_begins_with_the_mask_of_a_smaller(stream: int, height: int, width: int) -> None:
    whole = cells(fire.draw([stream], steps=2, height=11, width=40, limit=2**15), 40)
    part = cells(fire.draw([stream], steps=2, height=height, width=width, limit=2**15), width)
    assert np.array_equal(whole[:, :, :height, :width], part)


def test_share_of_firing_cells() -> None:
    for rate in (0.1, 0.5, 0.9):
        share = cells(fire.draw([5], steps=64, height=64, width=64, limit=fire.threshold(rate)), 64).mean()
        assert abs(share - rate) < 5 * np.sqrt(rate * (1 - rate) / 64**3)  # five standard deviations


def test_rate_one_always_fires_and_any_rate_can() -> None:
    assert fire.threshold(1.0) == 65536
    assert fire.draw([3], steps=2, height=3, width=8, limit=65536).min() == 255
    assert fire.threshold(0.5) == 32768
    assert fire.threshold(1e-12) == 1
    assert fire.threshold(0.1) == 6554


@pytest.mark.parametrize("rate", [0.0, -0.5, 1.0001, float("nan")])
def test_rates_outside_their_range(rate: float) -> None:
    with pytest.raises(ValueError, match=r"fire rate .* is outside \(0, 1\]"):
        fire.threshold(rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FireKey(-1, "0" * 64, 0), "fire seed -1"),
        (lambda: FireKey(2**64, "0" * 64, 0), "fire seed"),
        (lambda: FireKey(0, "0" * 63, 0), "SHA-256"),
        (lambda: FireKey(0, "G" * 64, 0), "SHA-256"),
        (lambda: FireKey(0, "0" * 64, 2**32), "slice"),
        (lambda: TrainKey(-1, 0), "training seed"),
        (lambda: TrainKey(0, -1), "update"),
    ],
)
def test_keys_out_of_range(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


@settings(deadline=None)
@given(
    asked=st.lists(
        st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.sampled_from([(4, 8), (8, 4), (5, 17)])),
        max_size=8,
    )
)
def test_cache_gives_what_drawing_gives_within_its_budget(asked: list[tuple[list[int], tuple[int, int]]]) -> None:
    cache = MaskCache(budget_bytes=200)
    for streams, (height, width) in asked:
        size = {"steps": 3, "height": height, "width": width, "limit": 2**15}
        assert np.array_equal(cache.draw(streams, **size), fire.draw(streams, **size))
        assert cache.used_bytes <= 200


def test_cache_draws_a_stream_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def spy(streams: list[int], **size: int) -> np.ndarray:
        drawn.extend(streams)
        return fire.draw(streams, **size)

    monkeypatch.setattr("mednca_bench.models.fire_cache.draw", spy)
    cache = MaskCache(budget_bytes=10_000)
    size = {"steps": 3, "height": 8, "width": 8, "limit": 2**15}
    cache.draw([1, 2, 1], **size)
    cache.draw([2, 3], **size)
    cache.draw([3, 1], **size)
    assert drawn == [1, 2, 3]
