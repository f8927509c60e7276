"""Checkpoints: what goes in comes out bit for bit; a damaged or foreign file is a fresh start and never runs code."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mednca_bench import models
from mednca_bench.benchmark.checkpoint import LogLine, Position, load_checkpoint, save_checkpoint
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.optimiser import Muon
from mednca_bench.models.weights import digest

START = Position(updates=0, seconds=0.0, log=())
LINE = LogLine(update=3, loss=0.1 + 0.2, gradient_norm=1e-300, learning_rate=1.6e-3, val_dice=None)
REACHED = Position(updates=3, seconds=12.5, log=(LINE, LogLine(**vars(LINE) | {"update": 4, "val_dice": 1 / 3})))


OPTIMISERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "muon": lambda parameters: Muon(parameters, lr=0.01, momentum=0.9),
}


def stepped(
    name: str = "med-nca-16", *, seed: int = 0, updates: int = 2, by: str = "adam"
) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A model after some updates towards nothing in particular."""
    model = models.build(name, seed=seed)
    optimiser = OPTIMISERS[by](model.parameters())
    for _ in range(updates):
        optimiser.zero_grad()
        sum((parameter**2).sum() for parameter in model.parameters()).backward()
        optimiser.step()
    return model, optimiser


def same_state(one: torch.optim.Optimizer, other: torch.optim.Optimizer) -> bool:
    first, second = one.state_dict()["state"], other.state_dict()["state"]
    return first.keys() == second.keys() and all(
        torch.equal(value, second[index][name]) for index, state in first.items() for name, value in state.items()
    )


@pytest.mark.parametrize("by", OPTIMISERS)
@pytest.mark.parametrize("name", ["med-nca-16", "threshold"])  # the second registers a layer twice, as PyPI unet does
def test_model_optimiser_and_position_come_back_bit_for_bit(tmp_path, plugin, name, by):
    model, optimiser = stepped(name, by=by)
    save_checkpoint(tmp_path / "c", model, optimiser, key="k", position=REACHED)
    fresh, fresh_optimiser = stepped(name, seed=1, updates=0, by=by)
    assert load_checkpoint(tmp_path / "c", fresh, fresh_optimiser, key="k") == REACHED
    assert digest(fresh) == digest(model) and same_state(fresh_optimiser, optimiser)
    for one, other in ((model, optimiser), (fresh, fresh_optimiser)):
        other.zero_grad()
        sum((parameter**3).sum() for parameter in one.parameters()).backward()
        other.step()
    assert digest(fresh) == digest(model)


def test_a_run_goes_on_with_the_threads_it_was_begun_with(tmp_path, one_thread):
    model, optimiser = stepped()
    save_checkpoint(tmp_path / "c", model, optimiser, key="k", position=REACHED)
    torch.set_num_threads(2)
    untouched(tmp_path / "c", key="of another run")
    fresh, fresh_optimiser = stepped(seed=1, updates=0)
    with pytest.raises(BenchError, match=r"/c: this training was begun with --threads 1, .* or delete the file"):
        load_checkpoint(tmp_path / "c", fresh, fresh_optimiser, key="k")
    assert digest(fresh) == digest(stepped(seed=1, updates=0)[0])


def test_the_papers_unet_which_shares_its_tensors_can_be_kept(tmp_path):
    model = models.build("unet")
    save_checkpoint(tmp_path / "c", model, torch.optim.Adam(model.parameters()), key="k", position=REACHED)
    assert (tmp_path / "c").stat().st_size < 1.01 * 4 * 36_990_000  # each tensor once, batch statistics with them
    fresh = models.build("unet", seed=1)
    assert load_checkpoint(tmp_path / "c", fresh, torch.optim.Adam(fresh.parameters()), key="k") == REACHED
    assert digest(fresh) == digest(model)


def untouched(path: Path, *, key: str = "k") -> None:
    """The file is not used and changes nothing."""
    model, optimiser = stepped(seed=1, updates=0)
    before = digest(model)
    assert load_checkpoint(path, model, optimiser, key=key) == START
    assert digest(model) == before and not optimiser.state_dict()["state"]


def test_no_file_is_the_start(tmp_path):
    untouched(tmp_path / "none")


def test_another_runs_checkpoint_is_not_used(tmp_path):
    model, optimiser = stepped()
    save_checkpoint(tmp_path / "c", model, optimiser, key="another", position=REACHED)
    untouched(tmp_path / "c")


@pytest.mark.parametrize("keep", [0, 1, 7, 100, 5000, -1])
def test_a_truncated_checkpoint_is_the_start(tmp_path, keep):
    model, optimiser = stepped()
    save_checkpoint(tmp_path / "c", model, optimiser, key="k", position=REACHED)
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:keep])
    untouched(tmp_path / "c")


GOOD = '{"updates": 3, "seconds": 1.0, "log": []}'


@pytest.mark.parametrize("metadata", [None, {}, {"key": "k"}, {"key": "k", "position": GOOD}])
def test_a_foreign_safetensors_file_is_the_start(tmp_path, metadata):
    save_file({"weight": torch.zeros(3)}, tmp_path / "c", metadata=metadata)
    untouched(tmp_path / "c")


@pytest.mark.parametrize("position", ["", "{", "{}", "[]", '{"updates": 3, "seconds": 1.0, "log": [{"loss": 1}]}'])
def test_a_checkpoint_without_its_position_is_the_start(tmp_path, position):
    model, optimiser = stepped()
    save_checkpoint(tmp_path / "c", model, optimiser, key="k", position=REACHED)
    save_file(load_file(tmp_path / "c"), tmp_path / "d", metadata={"key": "k", "position": position})
    untouched(tmp_path / "d")


class Bomb:
    """Leaves a file behind when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("write", [lambda bomb, path: path.write_bytes(pickle.dumps(bomb)), torch.save])
def test_a_pickle_is_not_run(tmp_path, write):
    write(Bomb(tmp_path / "exploded"), tmp_path / "c")
    untouched(tmp_path / "c")
    assert not (tmp_path / "exploded").exists()
