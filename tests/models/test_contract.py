"""Laws 6 to 8 for every registered model, and proof that each check can fail."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mednca_bench.models import build, contract, names
from mednca_bench.models.base import FireKey, Segmenter, TrainKey
from mednca_bench.models.contract import awakened, check_model


@pytest.mark.parametrize("name", names())
def test_registered_models_keep_the_laws(name: str) -> None:
    check_model(awakened(build(name)))


@pytest.mark.parametrize("name", ["med-nca-16", "unet-small", "segresnet"])
def test_they_keep_them_with_several_channels_and_labels(name: str) -> None:
    check_model(awakened(build(name, in_channels=2, out_channels=3)))


def test_bfloat16_keeps_them_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "EXACT", 0.02)
    monkeypatch.setattr(contract, "FLIP", 0.02)
    check_model(awakened(build("med-nca-16", precision="bfloat16")))


class Broken(Segmenter):
    """A segmenter that breaks a law; the simplest that keeps all has no fault."""

    stochastic = True

    def __init__(self, fault: str = "") -> None:
        super().__init__("med-nca", in_channels=1, out_channels=1, options={})
        self.gain = nn.Parameter(torch.ones(()))
        self.fault = fault
        self.calls = 0

    def check(self, image: Tensor) -> None:
        if self.fault != "accepts anything":
            super().check(image)

    def macs(self, height: int, width: int) -> int:
        return 0 if self.fault == "costs nothing" else height * width

    def forward(self, image: Tensor, *, keys: Sequence[FireKey] | None = None) -> Tensor:
        if self.fault == "needs no key":
            return self.gain * image
        return super().forward(image, keys=keys)

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        self.calls += 1
        seeds = [hash((key.seed, key.case, key.slice)) % 1000 / 1000 for key in keys]
        logits = self.gain * image + torch.tensor(seeds)[:, None, None, None]
        if self.fault == "ignores the key":
            logits = self.gain * image
        return {
            "crops": lambda: logits[..., 1:],
            "overflows": lambda: logits / 0,
            "looks at its neighbours": lambda: logits - logits.mean(0),
            "looks at its place": lambda: logits + torch.arange(len(image))[:, None, None, None],
            "counts its calls": lambda: logits + self.calls,
            "counts threads": lambda: logits + torch.get_num_threads(),
            "draws globally with numpy": lambda: logits + 0 * np.random.rand(),  # noqa: NPY002
            "draws globally": lambda: logits + 0 * torch.rand(()),
        }.get(self.fault, lambda: logits)()

    def training_logits(self, image: Tensor, target: Tensor, *, key: TrainKey) -> tuple[Tensor, Tensor]:
        self.calls += 1
        logits = self.gain * image + (0 if self.fault == "ignores the update" else key.update)
        return {
            "loses the target": lambda: (logits[..., 1:], target),
            "never trains alike": lambda: (logits + self.calls, target),
            "explodes": lambda: (functional.relu(logits) * torch.inf, target),
        }.get(self.fault, lambda: (logits, target))()


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("crops", contract.check_sizes),
        ("overflows", contract.check_sizes),
        ("costs nothing", contract.check_sizes),
        ("accepts anything", contract.check_input_errors),
        ("needs no key", contract.check_seed),
        ("ignores the key", contract.check_seed),
        ("looks at its neighbours", contract.check_batches),
        ("looks at its place", contract.check_batches),
        ("counts its calls", contract.check_batches),
        ("counts threads", contract.check_threads),
        ("loses the target", contract.check_training),
        ("never trains alike", contract.check_training),
        ("ignores the update", contract.check_training),
        ("explodes", contract.check_training),
    ],
)
def test_a_broken_law_is_found(fault: str, check: Callable[[Segmenter], None]) -> None:
    check(Broken())
    with pytest.raises(AssertionError, match="med-nca"):
        check(Broken(fault))


def test_use_of_the_global_random_state_is_found() -> None:
    with torch.random.fork_rng(devices=[]), pytest.raises(AssertionError, match="torch's global random state"):
        contract.check_global_random_state(Broken("draws globally"))
    state = np.random.get_state()  # noqa: NPY002
    try:
        with pytest.raises(AssertionError, match="numpy's global random state"):
            contract.check_global_random_state(Broken("draws globally with numpy"))
    finally:
        np.random.set_state(state)  # noqa: NPY002


def test_weights_that_do_not_come_back_are_found() -> None:
    """The file holds another model's tensors than the name makes."""
    with pytest.raises(ValueError, match=r"unknown to the model|missing"):
        contract.check_saved(Broken())


def test_awakened_fills_zeros_only() -> None:
    fresh, awake = build("med-nca-16"), awakened(build("med-nca-16"))
    for (name, before), after in zip(fresh.named_parameters(), awake.parameters(), strict=True):
        assert bool(after.any())
        assert torch.equal(before, after) != name.endswith("fc1.weight")
