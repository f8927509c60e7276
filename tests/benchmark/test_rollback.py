"""Divergence and what follows: the rule by hand, a rollback, and resume bit for bit across it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mednca_bench import models
from mednca_bench.benchmark import train as train_module
from mednca_bench.benchmark.average import averaged, blend
from mednca_bench.benchmark.bookkeeping import bookkeeping, course, late_gain
from mednca_bench.benchmark.checkpoint import LogLine, Position, Rollback, own_tensors
from mednca_bench.benchmark.divergence import DivergedError, calm, divergence, kept
from mednca_bench.benchmark.losses import coarse_dice_bce
from mednca_bench.benchmark.recipe import recipe_for
from mednca_bench.benchmark.train import PausedError, train
from mednca_bench.benchmark.training_step import _on_the_way, learning_rate
from mednca_bench.models.base import TrainKey
from mednca_bench.models.weights import digest
from tests.benchmark.test_train import RECIPE, Killed, fresh, the_run

pytestmark = pytest.mark.usefixtures("one_thread")
SPIKY = replace(RECIPE, loss_spike=3.0, norm_spike=10.0)


def test_a_number_that_is_not_finite_is_divergence_at_once():
    assert divergence(RECIPE, losses=[math.nan], norms=[1.0]) == "loss or gradient is not finite"
    assert divergence(RECIPE, losses=[1.0], norms=[math.inf]) == "loss or gradient is not finite"


def test_a_jump_that_stays_is_divergence_and_a_hard_batch_is_not():
    usual = [0.5] * 50
    assert divergence(SPIKY, losses=usual + [1.6] * 5, norms=[1.0] * 55)
    assert divergence(SPIKY, losses=usual + [1.6] * 2 + [0.5] * 3, norms=[1.0] * 55) is None
    assert divergence(SPIKY, losses=usual + [1.4] * 5, norms=[1.0] * 55) is None
    assert divergence(SPIKY, losses=[0.5] * 55, norms=[1.0] * 50 + [11.0] * 5)
    assert divergence(RECIPE, losses=usual + [9.9] * 5, norms=[1.0] * 55) is None
    norms = [1.0] * 55
    assert not calm(SPIKY, losses=[*usual, 0.5, 0.5, 0.5, 0.5, 1.6], norms=norms)
    assert calm(SPIKY, losses=[0.5] * 55, norms=norms)
    assert not calm(SPIKY, losses=[0.5] * 55, norms=[*norms[1:], 11.0])
    assert not calm(SPIKY, losses=[0.5] * 54, norms=norms[1:]), "not enough seen to say so"
    assert calm(RECIPE, losses=[9.9], norms=[9.9]), "a recipe without spikes looks at none"


def test_a_long_window_tells_scattered_hard_batches_from_a_collapse():
    patient = replace(SPIKY, spike_window=25)
    assert (kept(SPIKY), kept(patient)) == (55, 275)
    usual, norms = [0.5] * 250, [1.0] * 275
    assert divergence(patient, losses=usual + [1.6] * 12 + [0.5] * 13, norms=norms) is None
    found = divergence(patient, losses=usual + [0.5] * 12 + [1.6] * 13, norms=norms)
    assert found == "the median loss of 25 updates is 3.2 times that of the 250 before"
    assert divergence(patient, losses=[1.6] * 274, norms=norms[1:]) is None, "not enough seen yet"
    assert calm(patient, losses=usual + [1.6] * 4 + [0.5] * 21, norms=norms)
    assert not calm(patient, losses=usual + [1.6] * 5 + [0.5] * 20, norms=norms)

    rng = np.random.default_rng(0)  # one loss in fifteen is hard, none means anything
    losses = np.where(rng.random(10_000) < 1 / 15, 1.6, 0.5).tolist()

    def alarms(recipe):
        seen = range(kept(recipe), len(losses))
        return sum(
            divergence(recipe, losses=losses[at - kept(recipe) : at], norms=[1.0] * kept(recipe)) is not None
            for at in seen
        )

    assert alarms(SPIKY) > 10 and alarms(patient) == 0


def rolling(folder, **changes):
    """A run with everything that a checkpoint has to keep."""
    return the_run(folder, rollbacks=3, average=0.9, step_jitter=1, foreground=0.5, coarse_loss=1.0, **changes)


def diverging(monkeypatch, at: set[int]):
    """Spoil the loss of updates, given with the rate factor: it tells how often the run has rolled back."""
    real = train_module.one_update

    def update(*arguments, update, rate_factor, **options):
        line, largest = real(*arguments, update=update, rate_factor=rate_factor, **options)
        return (replace(line, loss=math.inf) if (update, rate_factor) in at else line), largest

    monkeypatch.setattr(train_module, "one_update", update)
    monkeypatch.setattr(train_module, "GOOD_UPDATES", 2)
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)


def test_a_diverged_run_goes_back_with_half_the_rate_and_ends(tmp_path, monkeypatch):
    diverging(monkeypatch, {(3, 1.0), (5, 0.5)})
    run, seen, rates = rolling(tmp_path), [], []
    position = train(fresh(run), run, on_rollback=seen.append, on_update=lambda line: rates.append(line.learning_rate))
    assert [(each.update, each.back_to, each.rate_factor) for each in position.rollbacks] == [(4, 2, 0.5), (6, 4, 0.25)]
    assert tuple(seen) == position.rollbacks and position.updates == 6
    assert position.computed == 6 + 2 + 2
    assert rates[-1] == pytest.approx(0.25 * learning_rate(run.recipe, update=5, total=6))
    assert [line.update for line in position.log] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
@pytest.mark.parametrize("stops", [(1,), (3,), (5,), (3, 3, 5)])
def test_killed_and_resumed_equals_unbroken_across_rollbacks(tmp_path, monkeypatch, stops, optimiser):
    diverging(monkeypatch, {(3, 1.0), (5, 0.5)})

    def end(run):
        model = fresh(run)
        position = train(model, run)
        return digest(model), replace(position, seconds=0.0, seconds_to_dice=None)

    unbroken = end(rolling(tmp_path / "unbroken", optimiser=optimiser))
    run = rolling(tmp_path / "broken", optimiser=optimiser)
    for stop in stops:

        def kill(line: LogLine, stop: int = stop) -> None:
            if line.update == stop:
                raise Killed

        with pytest.raises(Killed):
            train(fresh(run), run, on_update=kill)
    assert end(run) == unbroken


def collapsing(monkeypatch, *, at: int, until_rate: float) -> None:
    """Losses of 0.5 that jump to 5 at an update and stay, as long as the rate factor is above a number."""
    real = train_module.one_update

    def update(*arguments, update, rate_factor, **options):
        line, largest = real(*arguments, update=update, rate_factor=rate_factor, **options)
        return replace(line, loss=5.0 if update >= at and rate_factor > until_rate else 0.5, gradient_norm=1.0), largest

    monkeypatch.setattr(train_module, "one_update", update)
    monkeypatch.setattr(train_module, "GOOD_UPDATES", 10)


def test_a_finite_collapse_is_seen_and_undone_from_before_it(tmp_path, monkeypatch):
    collapsing(monkeypatch, at=44, until_rate=0.5)
    run = the_run(tmp_path, loss_spike=3.0, spike_window=3, rollbacks=3, updates=60)
    (back,) = train(fresh(run), run).rollbacks
    assert (back.update, back.back_to) == (46, 40) and "the median loss of 3 updates is 10.0 times" in back.reason


def test_after_a_rollback_the_rule_sees_at_once(tmp_path, monkeypatch):
    """The losses from before the state gone back to are kept: a second collapse is seen as soon as the first."""
    collapsing(monkeypatch, at=44, until_rate=0.25)
    run = the_run(tmp_path, loss_spike=3.0, spike_window=3, rollbacks=3, updates=60)
    assert [(each.update, each.back_to) for each in train(fresh(run), run).rollbacks] == [(46, 40), (46, 40)]


def test_before_the_rule_can_judge_no_later_state_is_kept(tmp_path, monkeypatch):
    """A collapse in what the rule has not yet enough updates to see: it goes back to the start, not into it."""
    collapsing(monkeypatch, at=31, until_rate=0.5)
    run = the_run(tmp_path, loss_spike=3.0, spike_window=3, rollbacks=3, updates=60)
    (back,) = train(fresh(run), run).rollbacks
    assert (back.update, back.back_to) == (33, 0)


@pytest.mark.parametrize("stop", [39, 42, 45, 47])
def test_resumed_equals_unbroken_across_a_finite_collapse(tmp_path, monkeypatch, stop):
    collapsing(monkeypatch, at=44, until_rate=0.25)
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
    changes = {"loss_spike": 3.0, "spike_window": 3, "rollbacks": 3, "updates": 50}

    def end(run, **options):
        model = fresh(run)
        position = train(model, run, **options)
        return digest(model), replace(position, seconds=0.0, seconds_to_dice=None)

    def kill(line: LogLine) -> None:
        if line.update == stop:
            raise Killed

    broken = the_run(tmp_path / "broken", **changes)
    with pytest.raises(Killed):
        end(broken, on_update=kill)
    assert end(broken) == end(the_run(tmp_path / "unbroken", **changes))


def test_when_rollbacks_are_used_up_the_run_fails_with_one_line(tmp_path, monkeypatch):
    diverging(monkeypatch, {(3, 1.0), (3, 0.5)})
    run = the_run(tmp_path, rollbacks=1)
    with pytest.raises(DivergedError, match=r"diverged at update 4 after 1 rollbacks: loss inf") as caught:
        train(fresh(run), run)
    assert len(caught.value.position.rollbacks) == 1


def test_the_minutes_end_with_a_checkpoint_and_the_run_goes_on(tmp_path):
    run = the_run(tmp_path)
    with pytest.raises(PausedError, match=r"at update 1 of 6; the same command goes on"):
        train(fresh(run), replace(run, minutes=1e-9))
    starts, model, other = [], fresh(run), fresh(run)
    train(model, run, on_start=starts.append)
    assert starts[0].updates == 1
    train(other, the_run(tmp_path / "unbroken"))
    assert digest(model) == digest(other)


def test_the_warm_up_rises_linearly():
    recipe = replace(RECIPE, warm_up=4, decay=1.0)
    assert [learning_rate(recipe, update=u, total=9) for u in range(6)] == pytest.approx(
        [0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3, 1e-3]
    )


def test_averaged_weights_by_hand():
    model = torch.nn.utils.skip_init(torch.nn.Linear, 1, 1, bias=False)
    model.weight.data.fill_(1.0)
    average = {name: each.clone() for name, each in own_tensors(model).items()}
    model.weight.data.fill_(2.0)
    blend(average, model, update=0, factor=0.5)  # 1 / 10 of the old, since the start is forgotten
    assert average["weight"].item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    blend(average, model, update=1000, factor=0.5)
    assert average["weight"].item() == pytest.approx(0.5 * 1.9 + 0.5 * 2)
    with averaged(model, average):
        assert model.weight.item() == pytest.approx(1.95)
    assert model.weight.item() == 2.0


def test_the_largest_state_is_seen_and_a_penalty_on_it_changes_the_weights(tmp_path):
    run = the_run(tmp_path / "a")
    position = train(fresh(run), run)
    assert 0.5 < position.largest_state < 100
    one, other = fresh(run), fresh(run)
    train(one, the_run(tmp_path / "b"))
    train(other, the_run(tmp_path / "c", state_penalty=10.0, state_bound=0.001))
    assert digest(one) != digest(other)


def test_a_penalty_keeps_the_state_small(tmp_path):
    """Ten updates with a large rate: without a penalty the state is far above where it is with one."""
    largest = []
    for penalty in (0.0, 10.0):
        run = the_run(tmp_path / str(penalty), state_penalty=penalty, state_bound=1.0, learning_rate=0.02, updates=10)
        levels = []
        model = fresh(run)
        train(model, run)
        model.watch = lambda state, logits, seen=levels: seen.append(float(state.detach().abs().max()))
        images, targets = run.train.batch(np.arange(3))
        model.train()
        model.training_logits(images, targets, key=TrainKey(seed=0, update=0))
        largest.append(max(levels))
    assert largest[1] < 0.7 * largest[0], largest


def test_what_levels_add_to_the_loss_by_hand():
    """A coarse level that is wrong and a fine one that is right; states of 7 and 6 above a bound of 5."""
    targets = torch.zeros(1, 1, 8, 8)
    targets[..., :4] = 1.0
    wrong = torch.where(torch.arange(2) < 1, -9.0, 9.0).expand(1, 1, 2, 2)
    right = torch.where(targets > 0, 9.0, -9.0)
    levels = [(torch.full((1, 2, 2, 3), -7.0), wrong), (torch.full((1, 8, 8, 3), 6.0), right)]
    penalty = replace(RECIPE, state_penalty=0.5, state_bound=5.0)
    assert float(_on_the_way(levels, targets, penalty)) == pytest.approx(0.5 * (2.0**2 + 1.0**2))
    coarse = replace(RECIPE, coarse_loss=2.0)
    assert float(_on_the_way(levels, targets, coarse)) == pytest.approx(2 * float(coarse_dice_bce(wrong, targets)))
    assert float(_on_the_way(levels, targets, coarse)) > 2 * 5
    assert _on_the_way(levels, targets, RECIPE) == 0.0 and _on_the_way([], targets, coarse) == 0.0


def test_the_coarse_level_has_a_loss_of_its_own(tmp_path):
    """Of weight 0 it changes nothing, of another it does; a model without levels has none."""
    digests = {}
    for model in ("med-nca-16", "unet-small"):
        for weight in (0.0, 1.0):
            run = the_run(tmp_path / f"{model}{weight}", model=model, coarse_loss=weight, updates=2)
            trained = fresh(run)
            train(trained, run)
            digests[model, weight] = digest(trained)
    assert digests["med-nca-16", 0.0] != digests["med-nca-16", 1.0]
    assert digests["unet-small", 0.0] == digests["unet-small", 1.0]


def test_patches_around_foreground_are_those_of_the_recipe(tmp_path):
    any_place, around = the_run(tmp_path / "a"), the_run(tmp_path / "b", foreground=1.0)
    one, other = fresh(any_place), fresh(around)
    train(one, any_place)
    train(other, around)
    assert digest(one) != digest(other) and other.foreground == 0.0


def line(update: int, dice: float) -> LogLine:
    return LogLine(update=update, loss=1.0, gradient_norm=1.0, learning_rate=1.0, val_dice=dice)


def test_bookkeeping_by_hand():
    log = tuple(line(update, dice) for update, dice in ((2, 0.5), (8, 0.8), (9, 0.7), (10, 0.801)))
    position = Position(updates=10, seconds=120.0, log=log, computed=12, seconds_to_dice=60.0)
    assert late_gain(position) == pytest.approx(0.001)
    model = models.build("med-nca-16", steps=2)
    sheet = bookkeeping(position, replace(recipe_for("quick", "med-nca-16"), batch=4), model)
    assert sheet["samples"] == 48 and sheet["plateau"] is True and sheet["minutes"] == 2.0
    cells = 2 * 16 * 16 * 2  # two levels of 16 x 16 cells, two steps
    assert sheet["flops"] == 6 * 48 * cells * model.rule_shape.macs_per_cell
    assert sheet["minutes_to_soft_dice_0.85"] == 1.0
    assert late_gain(replace(position, log=log[:1])) is None
    nothing = replace(position, log=tuple(line(update, 0.0) for update in (2, 8, 9, 10)))
    idle = bookkeeping(nothing, recipe_for("quick", "med-nca-16"), model)
    assert idle["late_gain"] == 0.0 and idle["plateau"] is False, "nothing learnt is no plateau"
    back = Rollback(update=7, loss=9.0, gradient_norm=1.0, reason="", back_to=5, rate_factor=0.5)
    told = course(replace(position, rollbacks=(back,), largest_state=7.0), sheet, val_cases=3)
    assert told["curve"] == [[2, 0.5, None], [8, 0.8, None], [9, 0.7, None], [10, 0.801, None]]
    assert told["rollbacks"] == [[7, 5]] and told["samples"] == 48 and told["val_cases"] == 3 and "minutes" not in told
