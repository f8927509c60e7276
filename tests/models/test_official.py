"""The authors' checkpoints: our answer is that of their forward pass written down, and nothing but tensors is read."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mednca_bench.models import fire
from mednca_bench.models.med_nca import MedNCA
from mednca_bench.models.official import load_official
from tests.models.literal_rule import masks
from tests.models.made import keys, made


class AuthorsLevel(nn.Module):
    """One level as the authors run it: states (B, H, W, C), axes 1 and 3 swapped around the convolutions."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc0 = nn.Linear(3 * channels, hidden)
        self.fc1 = nn.Linear(hidden, channels, bias=False)
        self.p0 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.p1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, state: Tensor, fires: Tensor) -> Tensor:
        for mask in fires:
            swapped = state.transpose(1, 3)
            seen = torch.cat((swapped, self.p0(swapped), self.p1(swapped)), 1).transpose(1, 3)
            update = self.fc1(functional.relu(self.fc0(seen))) * mask.float()
            state = torch.cat((state[..., :1], (state + update)[..., 1:]), 3)
        return state


def authors_logits(levels: list[AuthorsLevel], image: Tensor, fires: list[Tensor], *, channels: int) -> Tensor:
    """Both levels of (B, H, W) images: downscaled by 4, upsampled by nearest, the image put back; logits (B, H, W)."""
    small = functional.avg_pool2d(image[:, None, 1:-1, 1:-1], 2, stride=4)[:, 0]  # linear at centres: the middle four
    state = torch.zeros(*small.shape, channels)
    state[..., 0] = small
    coarse = levels[0](state, fires[0]).permute(0, 3, 1, 2)
    fine = nn.Upsample(scale_factor=4, mode="nearest")(coarse).permute(0, 2, 3, 1)
    return levels[1](torch.cat((image[..., None], fine[..., 1:]), 3), fires[1])[..., 1]


@pytest.fixture
def levels(tmp_path: Path) -> list[AuthorsLevel]:
    random = torch.Generator().manual_seed(3)
    made_levels = []
    for number in range(2):
        with torch.random.fork_rng(devices=[]):
            level = AuthorsLevel(7, 12)
        with torch.no_grad():
            for parameter in level.parameters():
                parameter.normal_(std=0.3, generator=random)
        torch.save(level.state_dict(), tmp_path / f"model{number}.pth")
        made_levels.append(level)
    return made_levels


@pytest.mark.parametrize("rate", [0.5, 0.25])
def test_the_answer_is_the_authors(levels: list[AuthorsLevel], tmp_path: Path, rate: float) -> None:
    model = load_official(tmp_path, steps=5, fire_rate=rate)
    assert isinstance(model, MedNCA) and model.limit == fire.threshold(1 - rate)
    image, names = made(3, 1, 16, 24, seed=1), keys(3)
    fires = []
    for level, (height, width) in enumerate(((4, 6), (16, 24))):
        streams = [fire.inference_stream(key, level=level) for key in names]
        fires.append(masks(streams, steps=5, height=height, width=width, limit=model.limit))
    with torch.no_grad():
        expected = authors_logits(levels, image[:, 0], fires, channels=7)
        found = model(image, keys=names)[:, 0]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        untouched = load_official(tmp_path, steps=5, fire_rate=rate)
        for rule in untouched.levels:
            rule.p0.weight.copy_(rule.p0.weight.transpose(2, 3).clone())
        assert (untouched(image, keys=names)[:, 0] - expected).abs().max() > 1e-2  # orientation is not a detail


class Malicious:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def test_code_in_a_file_is_refused_and_not_run(levels: list[AuthorsLevel], tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    torch.save({"fc0.weight": Malicious(proof)}, tmp_path / "model1.pth")
    with pytest.raises(ValueError, match=r"model1\.pth: refused, holds something other than tensors"):
        load_official(tmp_path)
    (tmp_path / "model1.pth").write_bytes(pickle.dumps(Malicious(proof)))
    with pytest.raises(ValueError, match=r"model1\.pth: "):
        load_official(tmp_path)
    assert not proof.exists()


def changed(state: dict[str, Tensor], **changes: Tensor | None) -> dict[str, Tensor]:
    words = {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in (state | words).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"p1__bias": None}, "tensor 'p1.bias' is missing"),
        ({"p2__bias": torch.zeros(7)}, "tensor 'p2.bias' is unknown"),
        ({"fc1__weight": torch.zeros(7, 11)}, r"tensor 'fc1.weight' is torch.float32 \(7, 11\), not float32 \(7, 12\)"),
        ({"p0__bias": torch.zeros(7).double()}, "tensor 'p0.bias' is torch.float64"),
        ({"p0__bias": torch.full((7,), float("nan"))}, "tensor 'p0.bias' holds numbers that are not finite"),
        ({"fc0__weight": torch.zeros(12)}, "has no fc0.weight"),
    ],
)
def test_tensors_that_do_not_fit(
    levels: list[AuthorsLevel], tmp_path: Path, changes: dict[str, Tensor | None], problem: str
) -> None:
    torch.save(changed(levels[1].state_dict(), **changes), tmp_path / "model1.pth")
    with pytest.raises(ValueError, match=problem):
        load_official(tmp_path)


def test_levels_and_files_that_do_not_fit(levels: list[AuthorsLevel], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside"):
        load_official(tmp_path, fire_rate=1.0)
    with torch.random.fork_rng(devices=[]):
        torch.save(AuthorsLevel(6, 12).state_dict(), tmp_path / "model1.pth")
    with pytest.raises(ValueError, match="the two levels differ"):
        load_official(tmp_path)
    torch.save(torch.zeros(3), tmp_path / "model1.pth")
    with pytest.raises(ValueError, match="is no state dict of tensors"):
        load_official(tmp_path)
    data = (tmp_path / "model0.pth").read_bytes()
    (tmp_path / "model1.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="cannot be read, truncated"):
        load_official(tmp_path)
