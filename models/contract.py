"""The laws every segmenter keeps, as checks for any of them, those of outside authors included.

    check_model(awakened(build("med-nca")))

Each check raises AssertionError with what was expected. `EXACT` and `FLIP` are the bounds of equality between runs that
differ only in batch, order or threads.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from .base import FireKey, Segmenter, TrainKey
from .weights import digest, from_bytes, to_bytes

EXACT = 1e-4  # |difference| of logits <= EXACT * max(1, |logit|)
FLIP = 1e-3  # a label may differ only where |logit| is at most this
SIZES = ((8, 8), (9, 13), (16, 31))  # pixels


def check_model(model: Segmenter) -> None:
    """Run all checks."""
    for check in (
        check_sizes,
        check_input_errors,
        check_seed,
        check_batches,
        check_threads,
        check_saved,
        check_training,
        check_global_random_state,
    ):
        check(model)


def awakened(model: Segmenter, *, seed: int = 0) -> Segmenter:
    """Fill parameters that are all 0 with small random numbers, in place; a fresh NCA would answer 0 everywhere."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.02, generator=random)
    return model.eval()


def example(model: Segmenter, *, batch: int, height: int, width: int) -> tuple[Tensor, list[FireKey]]:
    """Make random images in [0, 1] and their keys."""
    random = torch.Generator().manual_seed(height * width)
    image = torch.rand(batch, model.in_channels, height, width, generator=random)
    return image, [FireKey(seed=1, case="0123456789abcdef" * 4, slice=index) for index in range(batch)]


def check_sizes(model: Segmenter, *, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Any H, W of at least 8, odd ones too, give finite logits of the same H and W."""
    for height, width in sizes:
        image, keys = example(model, batch=1, height=height, width=width)
        logits = _logits(model, image, keys)
        expected = (1, model.out_channels, height, width)
        assert tuple(logits.shape) == expected, f"{model.name}: logits {tuple(logits.shape)}, expected {expected}"
        assert bool(logits.isfinite().all()), f"{model.name}: logits of {height} x {width} are not finite"
        assert model.macs(height, width) > 0, f"{model.name}: no multiply-accumulates counted"


def check_input_errors(model: Segmenter) -> None:
    """Wrong shape, channels, size or dtype raise ValueError."""
    image, keys = example(model, batch=1, height=8, width=8)
    for what, wrong in {
        "three dimensions": image[0],
        "a channel too many": image.repeat(1, 2, 1, 1)[:, : model.in_channels + 1],
        "7 rows": image[:, :, :7],
        "integers": image.to(torch.uint8),
    }.items():
        _expect_value_error(model, wrong, keys, what)


def check_seed(model: Segmenter) -> None:
    """A stochastic model refuses to run without a key per image, and its answer depends on seed, case and slice."""
    if not model.stochastic:
        return
    image, keys = example(model, batch=1, height=16, width=16)
    _expect_value_error(model, image, None, "no keys")
    _expect_value_error(model, image, keys * 2, "two keys for one image")
    first = _logits(model, image, keys)
    for other in (
        FireKey(seed=2, case=keys[0].case, slice=0),
        FireKey(seed=1, case="f" * 64, slice=0),
        FireKey(seed=1, case=keys[0].case, slice=7),
    ):
        assert not torch.equal(first, _logits(model, image, [other])), f"{model.name}: {other} changes nothing"


def check_batches(model: Segmenter) -> None:
    """An image's answer is the same alone, in a batch, in another order, and a second time."""
    image, keys = example(model, batch=3, height=16, width=12)
    together = _logits(model, image, keys)
    assert torch.equal(together, _logits(model, image, keys)), f"{model.name}: two runs of the same differ"
    turned = _logits(model, image.flip(0), keys[::-1]).flip(0)
    _same(model, together, turned, "in reverse order")
    for index in range(len(image)):
        alone = _logits(model, image[index : index + 1], keys[index : index + 1])
        _same(model, together[index : index + 1], alone, "alone")


def check_threads(model: Segmenter) -> None:
    """An image's answer is the same with one thread and with two."""
    image, keys = example(model, batch=2, height=16, width=16)
    with _threads(1):
        one = _logits(model, image, keys)
    with _threads(2):
        two = _logits(model, image, keys)
    _same(model, one, two, "with two threads")


def check_saved(model: Segmenter) -> None:
    """Weights written and read again give the same logits, bit for bit, and keep their metadata."""
    image, keys = example(model, batch=1, height=8, width=8)
    again, metadata = from_bytes(to_bytes(model, metadata={"note": [1, "two"]}))
    assert metadata == {"note": [1, "two"]}, f"{model.name}: metadata came back as {metadata}"
    assert digest(again) == digest(model), f"{model.name}: weights changed on their way"
    assert torch.equal(_logits(model, image, keys), _logits(again, image, keys)), f"{model.name}: other logits"


def check_training(model: Segmenter) -> None:
    """Training logits belong to their target, repeat for the same key, and lead a gradient to every parameter."""
    image, _ = example(model, batch=2, height=16, width=16)
    target = (image.mean(1, keepdim=True) > 0.5).float().repeat(1, model.out_channels, 1, 1)
    key = TrainKey(seed=1, update=5)
    with _threads(1):
        logits, part = model.training_logits(image, target, key=key)
        again, same_part = model.training_logits(image, target, key=key)
        other, _ = model.training_logits(image, target, key=TrainKey(seed=1, update=6))
    assert logits.shape == part.shape, f"{model.name}: logits {tuple(logits.shape)}, target {tuple(part.shape)}"
    assert torch.equal(logits, again) and torch.equal(part, same_part), f"{model.name}: the same update differs"
    assert not model.stochastic or not torch.equal(logits, other), f"{model.name}: all updates are the same"
    names, parameters = zip(*model.named_parameters(), strict=True)
    for name, gradient in zip(names, torch.autograd.grad(logits.square().mean(), parameters), strict=True):
        assert bool(gradient.isfinite().all()), f"{model.name}: gradient of {name} is not finite"


def check_global_random_state(model: Segmenter) -> None:
    """Neither inference nor training reads or changes the global random states of torch and numpy."""
    image, keys = example(model, batch=1, height=16, width=16)
    target = image[:, :1].repeat(1, model.out_channels, 1, 1)
    before = _global_random_states()
    _logits(model, image, keys)
    model.training_logits(image, target, key=TrainKey(seed=0, update=0))
    for library, state in _global_random_states().items():
        assert state == before[library], f"{model.name}: {library}'s global random state changed"


def _global_random_states() -> dict[str, bytes]:
    numpy_state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 (watched, not used)
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": numpy_state["key"].tobytes() + str(numpy_state["pos"]).encode(),
    }


def _logits(model: Segmenter, image: Tensor, keys: Sequence[FireKey]) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(image, keys=keys)
    return logits


def _same(model: Segmenter, one: Tensor, other: Tensor, what: str) -> None:
    difference = (one - other).abs() / one.abs().clamp(min=1)
    assert float(difference.max()) <= EXACT, f"{model.name}: logits {what} differ by {float(difference.max()):.2g}"
    flipped = ((one > 0) != (other > 0)) & (one.abs() > FLIP)
    assert not bool(flipped.any()), f"{model.name}: {int(flipped.sum())} labels {what} differ"


def _expect_value_error(model: Segmenter, image: Tensor, keys: Sequence[FireKey] | None, what: str) -> None:
    try:
        model(image, keys=keys)
    except ValueError:
        return
    raise AssertionError(f"{model.name}: {what} must raise ValueError")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
