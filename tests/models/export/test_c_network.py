"""The exported C function against PyTorch: logits, fire masks, memory, sizes."""

import copy
import ctypes
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mednca_bench.models import fire
from mednca_bench.models.base import FireKey
from mednca_bench.models.export.c_source import arena_size, c_files, comment, identifier
from mednca_bench.models.export.c_weights import equalised, rounded, rules
from mednca_bench.models.med_nca import MedNCA
from tests.models import philox_reference as reference
from tests.models.export.c_library import (
    BAD_ARGUMENT,
    BAD_SIZE,
    CANARY,
    CASE,
    OK,
    SMALL_ARENA,
    Library,
    assert_same_answer,
    c_key,
    image_of,
    library,
    nca,
    torch_logits,
)
from tests.models.test_fire import EMPTY_HASH, cases, seeds, table, words

SMALL = {"channels": 6, "hidden": 9, "steps": 3}
KINDS = {
    "med-nca": {"name": "med-nca"},
    "med-nca-16": {"steps": 5},
    "every option": {
        "channels": 21, "hidden": 19, "kernel_size": 5, "scale": 3, "steps": 4, "fire_rate": 0.9,
        "in_channels": 2, "out_channels": 3,
    },
    "all fire, no scale": {"channels": 4, "hidden": 5, "kernel_size": 7, "scale": 1, "steps": 3, "fire_rate": 1.0},
    "few fire": {"channels": 17, "hidden": 33, "scale": 2, "steps": 6, "fire_rate": 0.05},
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library(nca(**SMALL), tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize("weight_type", ["float32", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_golden_answers_of_pytorch(kind: str, weight_type: str, tmp_path: Path) -> None:
    """Odd and even sizes, one of them with groups of more cells than are computed at once."""
    model = nca(**KINDS[kind])
    net = library(model, tmp_path, weight_type=weight_type)
    oracle = rounded(model) if weight_type == "int8" else model
    key = FireKey(2**63 + 5, CASE, 2**32 - 1)
    for height, width in ((9, 13), (16, 40), (8, 131) if kind != "med-nca" else (24, 17)):
        image = image_of(model, height, width)
        status, logits, around = net.segment(image, key)
        assert status == OK and np.all(around == CANARY)
        expected = torch_logits(oracle, image, key)
        assert np.abs(expected).max() > 0
        assert_same_answer(logits, expected)
        assert net.arena_size(height, width) == arena_size(model, height, width, int8=weight_type == "int8")


@pytest.mark.parametrize("flags", [("-DNET_SCALAR",), ("-O3", "-march=native", "-ffp-contract=fast")], ids=str)
def test_plain_c_and_vectors_of_this_machine_agree(flags: tuple[str, ...], tmp_path: Path) -> None:
    model = nca(steps=4)
    image, key = image_of(model, 21, 30), FireKey(1, CASE, 0)
    _, logits, around = library(model, tmp_path, *flags).segment(image, key)
    assert np.all(around == CANARY)
    assert_same_answer(logits, torch_logits(model, image, key))


@settings(max_examples=60)
@given(height=st.integers(8, 70), width=st.integers(8, 70), seed=seeds, slice_index=words, offset=st.integers(0, 63))
def test_any_size_and_alignment(
    small: Library, height: int, width: int, seed: int, slice_index: int, offset: int
) -> None:
    image, key = image_of(small.model, height, width), FireKey(seed, CASE, slice_index)
    status, logits, around = small.segment(image, key, offset=offset)
    assert status == OK and np.all(around == CANARY)
    assert_same_answer(logits, torch_logits(small.model, image, key))


def test_an_arena_one_byte_too_small_is_refused_and_left_alone(small: Library) -> None:
    status, logits, memory = small.segment(image_of(small.model, 20, 20), FireKey(0, CASE, 0), spare=-1)
    assert status == SMALL_ARENA
    assert np.all(memory == CANARY) and np.isnan(logits).all()


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (0, 0), (-8, 8), (32769, 8), (2**31 - 1, 2**31 - 1)])
def test_sizes_out_of_range(small: Library, size: tuple[int, int]) -> None:
    assert small.arena_size(*size) == 0
    height, width = map(ctypes.c_long, size)
    assert small.handle.net_segment(None, height, width, None, None, None, ctypes.c_size_t(0)) == BAD_SIZE


def test_null_pointers(small: Library) -> None:
    side = ctypes.c_long(8)
    assert small.handle.net_segment(None, side, side, None, None, None, ctypes.c_size_t(2**20)) == BAD_ARGUMENT


def test_streams_of_the_specification(small: Library) -> None:
    for seed, case, slice_index, level, expected in table("| s | case | z | l | stream key |"):
        key = FireKey(int(seed), EMPTY_HASH if case == "H" else case, int(slice_index))
        assert _stream(small, key, int(level)) == int(expected, 16)


@given(seed=seeds, case=cases, slice_index=words, level=st.integers(0, 1))
def test_any_stream(small: Library, seed: int, case: str, slice_index: int, level: int) -> None:
    key = FireKey(seed, case, slice_index)
    assert _stream(small, key, level) == fire.inference_stream(key, level=level)
    assert _stream(small, key, level) == reference.inference_stream(seed, case, slice_index, level)


@pytest.fixture(scope="module", params=[0.5, 0.1, 0.9, 1.0, 1e-6], ids=str)
def with_rate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Library, float]:
    rate = request.param
    return library(nca(channels=2, hidden=1, steps=1, fire_rate=rate), tmp_path_factory.mktemp("rate")), rate


def test_masks_of_the_specification(with_rate: tuple[Library, float]) -> None:
    """The rows of the page that have this rate; the rate that no row has is covered below."""
    net, rate = with_rate
    rows = [row for row in table("| stream key | rate | t | y | cells |") if float(row[1]) == rate]
    assert rows or rate == 1e-6
    for stream, _, step, row, expected in rows:
        blocks = [_fires(net, int(stream, 16), int(step), int(row), block) for block in range(3)]
        assert "".join("#" if bits >> cell & 1 else "." for bits in blocks for cell in range(8)) == expected.strip("`")


@settings(max_examples=30)
@given(stream=seeds, step=st.integers(0, 2), row=st.integers(0, 40), block=st.integers(0, 9))
def test_masks_bit_for_bit(with_rate: tuple[Library, float], stream: int, step: int, row: int, block: int) -> None:
    net, rate = with_rate
    bits = fire.draw([stream], steps=3, height=41, width=80, limit=fire.threshold(rate))
    assert _fires(net, stream, step, row, block) == bits[0, step, row, block]


def test_256_pixels_take_less_than_24_megabytes() -> None:
    """Everything the function needs for 32 channels: arena, image, logits and weights."""
    model = nca("med-nca")
    assert arena_size(model, 256, 256) == 8_564_800
    assert arena_size(model, 256, 256) + 2 * 4 * 256**2 + 4 * 70_016 < 10e6


def test_rounded_weights_are_near_and_have_few_values() -> None:
    model = nca(steps=2)
    for level, near in zip(rules(equalised(model)), rules(rounded(model)), strict=True):
        for name in ("p0", "p1", "fc0", "fc1"):
            exact, close = (getattr(one, name).weight.detach().flatten(1) for one in (level, near))
            step = exact.abs().amax(1, keepdim=True) / 127
            assert bool(((exact - close).abs() <= step * 0.501).all())
            assert not bool((exact == close).all())


def uneven(**options: object) -> MedNCA:
    """A network whose hidden numbers differ in size by up to a hundred times, with one that is never used."""
    model = nca(**options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for level in rules(model):
            sizes = 10 ** (2 * torch.rand(level.shape.hidden, generator=generator) - 1)
            level.fc0.weight.mul_(sizes[:, None])
            level.fc0.bias.mul_(sizes)
            level.fc1.weight.div_(sizes)
            level.fc1.weight[:, 0] = 0
            sizes = 10 ** (2 * torch.rand(2 * level.shape.channels, generator=generator) - 1)
            level.fc0.weight[:, level.shape.channels :].div_(sizes)
            for look, part in zip((level.p0, level.p1), sizes.chunk(2), strict=True):
                look.weight.mul_(part[:, None, None, None])
                look.bias.mul_(part)
    return model


@pytest.mark.parametrize("options", [KINDS["every option"], {"steps": 5}], ids=str)
def test_an_equalised_network_is_the_same_and_loses_less_to_rounding(options: dict[str, object]) -> None:
    model, key = uneven(**options), FireKey(1, CASE, 0)
    image = image_of(model, 16, 24)
    before = copy.deepcopy(model.state_dict())
    expected, found = torch_logits(model, image, key), torch_logits(equalised(model), image, key)
    assert_same_answer(found, expected)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    plain = copy.deepcopy(model)
    with torch.no_grad():
        for level in rules(plain):
            for layer in (level.p0, level.p1, level.fc0, level.fc1):
                rows = layer.weight.view(len(layer.weight), -1)
                step = rows.abs().amax(1, keepdim=True).clamp_min(1e-30) / 127
                rows.copy_((rows / step).round() * step)
    lost, kept = (np.square(torch_logits(one, image, key) - expected).mean() for one in (plain, rounded(model)))
    assert kept < lost / 2


def test_names_cannot_leave_their_comment_string_or_folder() -> None:
    model = nca(**SMALL)
    model.name = 'x */ int y; /* "\\\n\u2028??/'
    files = c_files(model, name="../../etc/*passwd")
    assert sorted(files) == ["README.md", "etc_passwd.c", "etc_passwd.h", "etc_passwd_main.c"]
    head = files["etc_passwd.c"].splitlines()[0]
    assert head.startswith("/* ") and "*/" not in head and "??" not in head and "\\" not in head
    assert comment("a\n*/b") == "a *b"
    assert identifier("9*") == "nca_9"


def test_weight_types() -> None:
    with pytest.raises(ValueError, match="weights type 'int4'; allowed: float32, int8"):
        c_files(nca(**SMALL), weight_type="int4")


def _stream(net: Library, key: FireKey, level: int) -> int:
    return int(net.handle.net_stream(ctypes.byref(c_key(key)), ctypes.c_uint32(level)))


def _fires(net: Library, stream: int, step: int, row: int, block: int) -> int:
    u32 = ctypes.c_uint32
    return int(net.handle.net_fires(ctypes.c_uint64(stream), u32(step), u32(row), u32(block)))
