"""Training: MONAI's losses as oracle, the schedule by hand, resume bit for bit, divergence named."""

import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench import models
from mednca_bench.benchmark import train as train_module
from mednca_bench.benchmark.checkpoint import LogLine, Position
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.losses import coarse_dice_bce, dice_bce
from mednca_bench.benchmark.recipe import Recipe
from mednca_bench.benchmark.slices import PreparedCase, SliceSet
from mednca_bench.benchmark.train import TrainingRun, train
from mednca_bench.benchmark.training_step import learning_rate
from mednca_bench.benchmark.validation import validation_dice
from mednca_bench.models.base import Segmenter, TrainKey
from mednca_bench.models.weights import digest

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(
    name="tiny",
    model="med-nca-16",
    options={"steps": 2},
    size=(16, 16),
    batch=3,
    updates=6,
    learning_rate=1e-3,
    betas=(0.5, 0.5),
    schedule="exponential",
    decay=0.9,
    clip_norm=1.0,
)
NCA, DETERMINISTIC = "med-nca-16", "unet-small"


def case(seed: int, *, slices: int = 4) -> PreparedCase:
    """A bright disc on noise, at another place in each case."""
    rng = np.random.default_rng(seed)
    x, y = np.mgrid[:16, :16]
    disc = ((x - rng.integers(5, 11)) ** 2 + (y - rng.integers(5, 11)) ** 2 < 16)[None, None]
    image = 0.3 * rng.random((slices, 1, 16, 16)) + 0.6 * disc
    target = np.repeat(disc, slices, axis=0)
    return PreparedCase(f"case_{seed}", f"{seed:064x}", image.astype(np.float32), target.astype(np.uint8))


def the_run(folder: Path, *, model: str = NCA, seed: int = 0, **changes: object) -> TrainingRun:
    options = {"steps": 2} if model == NCA else {}
    recipe = replace(RECIPE, model=model, options=options, **changes)  # type: ignore[arg-type]
    val = (case(10), case(11))
    train_set = SliceSet([case(1), case(2)])
    return TrainingRun(key="k", seed=seed, recipe=recipe, train=train_set, val=val, checkpoint=folder / "checkpoint")


def fresh(run: TrainingRun) -> Segmenter:
    return models.build(run.recipe.model, seed=run.seed, **run.recipe.options)


def finished(run: TrainingRun) -> tuple[str, tuple[LogLine, ...]]:
    model = fresh(run)
    position = train(model, run)
    assert position.updates == run.total and position.seconds > 0 and not model.training
    return digest(model), position.log


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 100), st.sampled_from([0.0, 0.1, 1.0]))
def test_the_loss_is_monais_dice_over_the_batch_plus_binary_cross_entropy(batch, labels, seed, filled):
    from monai.losses.dice import DiceLoss

    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(batch, labels, 5, 6)))
    target = torch.from_numpy((rng.random((batch, labels, 5, 6)) < filled).astype(np.float64))
    dice = DiceLoss(sigmoid=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)(logits, target)
    probability = torch.sigmoid(logits)
    entropy = -(target * probability.log() + (1 - target) * (1 - probability).log()).mean()
    assert dice_bce(logits, target).item() == pytest.approx((dice + entropy).item(), rel=1e-9)


def test_the_loss_by_hand():
    # one pixel of 4 true, all probabilities 1/2: Dice loss 1 - (2 * 0.5 + 1) / (2 + 1 + 1), entropy log 2
    target = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert dice_bce(torch.zeros(1, 1, 2, 2), target).item() == pytest.approx(0.5 + math.log(2), rel=1e-6)


def test_the_coarse_loss_by_hand():
    """Cells of 2 x 2 pixels with shares 1/2 and 0, so a quarter is foreground; probabilities 3/4 and 1/4."""
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]])
    logits = torch.tensor([[[[math.log(3.0), -math.log(3.0)]]]])
    entropy = 0.5 / 0.25 * 0.5 * math.log(4 / 3) / 2 + 0.5 / 0.75 * (0.5 * math.log(4) + math.log(4 / 3)) / 2
    dice = 1 - (2 * 0.75 * 0.5 + 1) / (1.0 + 0.5 + 1)
    assert coarse_dice_bce(logits, target).item() == pytest.approx(dice + entropy, rel=1e-6)


def test_foreground_and_background_weigh_the_same_in_the_coarse_loss():
    """Where all cells are as wrong, the cross-entropy is that of one cell, however rare foreground is."""
    for share in (1, 3, 8):
        target = torch.zeros(1, 1, 4, 4)
        target.view(-1)[:share] = 1.0
        logits = torch.where(target > 0, -2.0, 2.0)
        entropy = coarse_dice_bce(logits, target) - (dice_bce(logits, target) - math.log1p(math.exp(2.0)))
        assert entropy.item() == pytest.approx(math.log1p(math.exp(2.0)), rel=1e-5)


def test_the_coarse_loss_of_no_foreground_and_of_nothing_else_is_finite():
    for value in (0.0, 1.0):
        logits = torch.zeros(2, 1, 2, 2, requires_grad=True)
        loss = coarse_dice_bce(logits, torch.full((2, 1, 4, 4), value))
        loss.backward()
        assert loss.isfinite() and logits.grad.isfinite().all() and logits.grad.abs().sum() > 0


def test_the_exponential_schedule_multiplies_after_each_update():
    rates = [learning_rate(RECIPE, update=u, total=6) for u in range(3)]
    assert rates == pytest.approx([1e-3, 0.9e-3, 0.81e-3])


def test_the_cosine_schedule_falls_to_nothing():
    recipe = replace(RECIPE, schedule="cosine")
    rates = [learning_rate(recipe, update=u, total=4) for u in range(5)]
    root = math.sqrt(0.5)
    assert rates == pytest.approx([1e-3, 1e-3 * (1 + root) / 2, 0.5e-3, 1e-3 * (1 - root) / 2, 0.0], abs=1e-12)


def test_the_schedule_reaches_the_optimiser_and_the_log(tmp_path):
    rates = []
    run = the_run(tmp_path)
    train(fresh(run), run, on_update=lambda line: rates.append(line.learning_rate))
    assert rates == pytest.approx([1e-3 * 0.9**u for u in range(6)])


def test_a_step_of_no_length_changes_nothing(tmp_path):
    run = the_run(tmp_path, learning_rate=0.0)
    assert finished(run)[0] == digest(fresh(run))


def test_training_learns(tmp_path):
    run = the_run(tmp_path, model=DETERMINISTIC, updates=30, batch=8, learning_rate=5e-3, decay=1.0)
    losses = []
    position = train(fresh(run), run, on_update=lambda line: losses.append(line.loss))
    assert max(losses[-5:]) < 0.8 * min(losses[:2])
    assert position.log[-1].val_dice > validation_dice(fresh(run), run.val) + 0.2


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    one, again, other = (finished(the_run(tmp_path / name, seed=seed)) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert one == again
    assert one[0] != other[0]


def test_every_update_has_slices_and_randomness_of_its_own_seed_and_number(tmp_path):
    def seen(seed: int) -> list[tuple[object, float]]:
        run, batches = the_run(tmp_path / str(seed), model="threshold", seed=seed), []
        model = fresh(run)
        whole = model.training_logits

        def spy(image, target, *, key):
            batches.append((key, float(image.double().sum())))
            return whole(image, target, key=key)

        model.training_logits = spy
        train(model, run)
        return batches

    zero, three = seen(0), seen(3)
    assert [key for key, _ in zero] == [TrainKey(seed=0, update=u) for u in range(6)]
    assert [key for key, _ in three] == [TrainKey(seed=3, update=u) for u in range(6)]
    assert [total for _, total in zero] != [total for _, total in three]
    assert len({total for _, total in zero}) == 6


def test_gradients_are_clipped_to_the_recipes_norm(tmp_path):
    """Adam is blind to the gradient's length, so the optimiser's first moment is looked at."""
    moments = []
    for limit in (1e-3, None):
        run = the_run(tmp_path / str(limit), clip_norm=limit, updates=1)
        model, norms = fresh(run), []
        train(model, run, on_update=lambda line, norms=norms: norms.append(line.gradient_norm))
        moments.append(math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters())))
        assert norms[0] > 0.01  # what is logged is the norm before clipping
    assert moments[0] == pytest.approx(1e-3, rel=1e-3) and moments[1] == pytest.approx(norms[0], rel=1e-3)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("model", [NCA, DETERMINISTIC])
@pytest.mark.parametrize("stops", [(1,), (4,), (2, 5), (1, 1, 2, 6)])
def test_killed_and_resumed_equals_unbroken_bit_for_bit(tmp_path, monkeypatch, model, stops):
    """A stop comes before the checkpoint of its update is written, so that update is done again."""
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
    unbroken = finished(the_run(tmp_path / "unbroken", model=model))
    run = the_run(tmp_path / "broken", model=model)
    for stop in stops:

        def kill(line: LogLine, stop: int = stop) -> None:
            if line.update == stop:
                raise Killed

        starts: list[Position] = []
        with pytest.raises(Killed):
            train(fresh(run), run, on_start=starts.append, on_update=kill)
        assert starts[0].updates < stop
    assert finished(run) == unbroken


def test_a_checkpoint_of_an_earlier_update_gives_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
    run = the_run(tmp_path)
    copies = []
    train(
        fresh(run), run, on_update=lambda line: copies.append(run.checkpoint.read_bytes() if line.update > 1 else b"")
    )
    end = finished(the_run(tmp_path / "unbroken"))
    for earlier in copies[1:]:
        run.checkpoint.write_bytes(earlier)
        assert finished(run) == end


def test_without_time_no_checkpoint_is_written(tmp_path):
    run = the_run(tmp_path)
    train(fresh(run), run)
    assert not run.checkpoint.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_the_update_at_hand(tmp_path, number):
    run = the_run(tmp_path)

    def interrupt(line: LogLine) -> None:
        if line.update == 3:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        train(fresh(run), run, on_update=interrupt)
    starts: list[Position] = []
    model = fresh(run)
    train(model, run, on_start=starts.append)
    assert starts[0].updates == 3
    assert digest(model) == finished(the_run(tmp_path / "unbroken"))[0]


def test_a_finished_run_is_not_trained_further(tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
    run = the_run(tmp_path)
    end = finished(run)

    def never(line: LogLine) -> None:
        raise AssertionError("an update too many")

    model = fresh(run)
    train(model, run, on_update=never)
    assert digest(model) == end[0]


@pytest.mark.parametrize(("clip", "remedy"), [(1.0, "a lower learning_rate"), (None, "clip_norm")])
def test_divergence_is_named_with_update_loss_and_norm(tmp_path, clip, remedy):
    run = the_run(tmp_path, learning_rate=1e30, clip_norm=clip)
    with pytest.raises(
        BenchError,
        match=r"training of med-nca-16 \(recipe tiny, seed 0\) diverged at update [123]: "
        rf"loss \S+, gradient norm (nan|inf); use another --seed, or a recipe with {remedy}$",
    ):
        train(fresh(run), run)


def test_the_log_has_about_200_points_and_10_validations(tmp_path):
    run = the_run(tmp_path, model="threshold", updates=450, learning_rate=1e-6)
    _, log = finished(run)
    tenths = range(45, 451, 45)
    assert [line.update for line in log] == sorted({*range(2, 451, 2), *tenths})
    assert [line.update for line in log if line.val_dice is not None] == list(tenths)


@pytest.fixture(autouse=True)
def _models(plugin: Path) -> None:
    """The model `threshold`, whose answers are known."""


def test_validation_dice_by_hand():
    """The model answers where the image is above 1/2: here 4 pixels, of which 2 are true, of 3 true ones."""
    image, target = np.zeros((1, 1, 16, 16), dtype=np.float32), np.zeros((1, 1, 16, 16), dtype=np.uint8)
    image[0, 0, :2, :2], target[0, 0, 0, :3] = 1, 1
    half = PreparedCase("half", "0" * 64, image, target)
    both_empty = PreparedCase("empty", "1" * 64, np.zeros_like(image), np.zeros_like(target))
    model = models.build("threshold")
    assert validation_dice(model, (half,)) == pytest.approx(2 * 2 / (4 + 3))
    assert validation_dice(model, (half, both_empty)) == pytest.approx((4 / 7 + 1) / 2)
    assert validation_dice(model, ()) is None


def test_validation_looks_at_a_few_cases_spread_over_all():
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, image, *, keys):
            seen.append(keys[0].case)
            return image

    validation_dice(Spy(), tuple(case(number) for number in range(9)))
    assert [int(sha, 16) for sha in seen] == [0, 2, 4, 6]
