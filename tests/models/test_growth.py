"""Growth: the stages are the steps of the model's own answer."""

import pytest
import torch

from mednca_bench.models import build
from mednca_bench.models.contract import awakened
from mednca_bench.models.growth import growth
from tests.models.made import keys, made


@pytest.mark.parametrize("every", [1, 2, 5])
def test_the_last_stage_is_the_answer(every: int) -> None:
    model = awakened(build("med-nca", channels=6, hidden=8, steps=5)).eval()
    image, names = made(2, 1, 16, 24), keys(2)
    stages = list(growth(model, image, keys=names, every=every))
    steps = [min(step, 5) for step in range(every, 5 + every, every)]
    assert [(stage.level, stage.step) for stage in stages] == [(level, step) for level in (0, 1) for step in steps]
    assert stages[0].logits.shape == (2, 1, 4, 6) and stages[-1].logits.shape == (2, 1, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(stages[-1].logits, model(image, keys=names))
    if every == 1:
        assert not torch.equal(stages[-2].logits, stages[-1].logits)


def test_what_would_be_padded_is_refused() -> None:
    model = awakened(build("med-nca", channels=6, hidden=8, steps=2)).eval()
    with pytest.raises(ValueError, match=r"sides of 4 n"):
        next(growth(model, made(1, 1, 16, 23), keys=keys(1)))
    with pytest.raises(ValueError, match="every is 0"):
        next(growth(model, made(1, 1, 16, 24), keys=keys(1), every=0))
