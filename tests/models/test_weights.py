"""Weights files: what comes back, and what is refused."""

import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from mednca_bench.models import build, names
from mednca_bench.models.base import Segmenter
from mednca_bench.models.weights import ENTRY, digest, from_bytes, load, read_metadata, to_bytes


def small() -> Segmenter:
    return build("med-nca-16", hidden=4, steps=3)


def header(data: bytes) -> dict[str, object]:
    (length,) = struct.unpack_from("<Q", data)
    words: dict[str, object] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][ENTRY])
    return words


def changed(*, tensors: dict[str, torch.Tensor | None] | None = None, **words: object) -> bytes:
    """A good file with some tensors (None: without) and words of its header replaced."""
    data = to_bytes(small(), metadata={})
    kept = load_tensors(data) | (tensors or {})
    return save_tensors(
        {name: tensor for name, tensor in kept.items() if tensor is not None},
        metadata={ENTRY: json.dumps(header(data) | words)},
    )


def test_a_file_comes_back_with_its_metadata(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(to_bytes(model, metadata={"recipe": {"epochs": 3}, "cases": ["a"]}))
    again, metadata = load(path)
    assert metadata == read_metadata(path) == {"recipe": {"epochs": 3}, "cases": ["a"]}
    assert again.options == model.options
    assert not again.training
    assert digest(again) == digest(model)
    assert all(map(torch.equal, model.parameters(), again.parameters()))


def test_options_may_be_replaced_when_reading() -> None:
    again, _ = from_bytes(to_bytes(small(), metadata={}), precision="bfloat16", steps=9)
    assert again.options == small().options | {"precision": "bfloat16", "steps": 9}


def test_the_same_model_gives_the_same_bytes() -> None:
    assert to_bytes(small(), metadata={"b": 1, "a": 2}) == to_bytes(small(), metadata={"a": 2, "b": 1})


def test_digest_sees_values_names_shapes_and_types() -> None:
    def one(name: str, tensor: torch.Tensor) -> str:
        module = torch.nn.Module()
        module.register_buffer(name, tensor)
        return digest(module)

    zero = torch.zeros(2, 3)
    others = [one("b", zero), one("a", zero.view(3, 2)), one("a", zero.int()), one("a", zero + 1e-30)]
    assert len({one("a", zero), *others}) == 5
    assert one("a", zero) == one("a", zero.clone())


@settings(max_examples=40)
@given(data=st.data())
def test_truncated_files(data: st.DataObject) -> None:
    whole = to_bytes(small(), metadata={"note": "x"})
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"^/data/w\.safetensors: [^\n]+$"):
        from_bytes(whole[:length], source="/data/w.safetensors")


@settings(max_examples=60)
@given(content=st.binary(max_size=100))
def test_foreign_files(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^w: [^\n]+$"):
        from_bytes(content, source="w")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: changed(model="med-nxa"), "unknown model 'med-nxa'; did you mean 'med-nca'"),
        (lambda: changed(format="other"), "format 'other' version 1; expected"),
        (lambda: changed(version=2), "version 2; expected"),
        (lambda: changed(options={"hidden": 4, "colour": 1}), "unexpected keyword argument 'colour'"),
        (lambda: changed(options={"hidden": 5}), r"tensor '.*' is torch.float32 \(.*\); expected"),
        (lambda: changed(options={"steps": "many"}), "cannot make its model"),
        (lambda: changed(options=None), "cannot make its model"),
        (lambda: changed(in_channels=0), "in_channels is 0"),
        (lambda: changed(metadata=[1]), "metadata is not an object"),
        (lambda: changed(tensors={"levels.0.fc0.bias": None}), "tensor 'levels.0.fc0.bias' is missing"),
        (lambda: changed(tensors={"extra": torch.zeros(1)}), "tensor 'extra' is unknown to the model"),
        (lambda: changed(tensors={"levels.0.fc0.bias": torch.full((4,), torch.nan)}), "not finite"),
        (lambda: changed(tensors={"levels.0.fc0.bias": torch.zeros(4).double()}), "is torch.float64"),
        (lambda: save_tensors({"a": torch.zeros(1)}), "not a weights file of mednca-bench"),
        (lambda: save_tensors({"a": torch.zeros(1)}, metadata={ENTRY: "[1]"}), "not a weights file of mednca-bench"),
    ],
)
def test_refused_files(data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        from_bytes(data(), source="/data/w.safetensors")  # type: ignore[operator]
    assert str(caught.value).startswith("/data/w.safetensors: ")
    assert "\n" not in str(caught.value)


def test_a_path_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"PK\x03\x04 not weights")
    for read in (load, read_metadata):
        with pytest.raises(ValueError, match=r"broken\.safetensors: "):
            read(path)


def test_tensors_a_network_registers_twice_are_written_once() -> None:
    data = to_bytes(build("unet"), metadata={})
    assert 4 * 36_950_273 < len(data) < 4 * 36_950_273 + 20_000


def test_every_model_is_written_with_its_name() -> None:
    for name in names():
        if name != "unet":
            assert header(to_bytes(build(name), metadata={}))["model"] == name
