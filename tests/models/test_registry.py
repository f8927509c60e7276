"""The table of models."""

import math
import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch

from mednca_bench import models
from mednca_bench.models import ModelEntry, build, entry, names, register
from mednca_bench.models.base import FireKey, Segmenter, device_of
from mednca_bench.models.weights import digest


def test_names_and_entries() -> None:
    assert names()[:5] == ("med-nca", "med-nca-16", "unet", "unet-small", "segresnet")
    for name in names():
        line = entry(name)
        assert line.name == name
        assert line.summary and line.source
    assert [entry(name).stochastic for name in names()[:5]] == [True, True, False, False, False]


@pytest.mark.parametrize("name", names())
def test_the_table_tells_the_truth(name: str) -> None:
    model = build(name, in_channels=2, out_channels=3)
    assert (model.name, model.in_channels, model.out_channels) == (name, 2, 3)
    assert model.stochastic == entry(name).stochastic


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"^unknown model 'med-nc'; did you mean 'med-nca'\? allowed: med-nca, "):
        build("med-nc")
    with pytest.raises(ValueError, match=r"^unknown model 'zzz'; allowed: med-nca, "):
        entry("zzz")


def test_unknown_options_name_the_allowed() -> None:
    told = r"^model 'med-nca': .*'stepz'; did you mean 'steps'\? options: channels, steps, "
    with pytest.raises(ValueError, match=told):
        build("med-nca", stepz=3)
    with pytest.raises(ValueError, match=r"^model 'unet': .*; options: none$"):
        build("unet", depth=3)


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("steps", "16", "a whole number"),
        ("steps", 2.5, "a whole number"),
        ("steps", True, "a whole number"),
        ("channels", 32.0, "a whole number"),
        ("fire_rate", math.nan, "a finite number"),
        ("fire_rate", "half", "a finite number"),
    ],
)
def test_an_option_of_another_type_is_named(option: str, value: object, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"^model 'med-nca': {option} is .*; it must be {wanted}$"):
        build("med-nca", **{option: value})
    assert build("med-nca", fire_rate=1, steps=2).options["fire_rate"] == 1


def test_a_model_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_TABLE", dict(models._TABLE))
    line = ModelEntry("tiny-nca", "mednca_bench.models.med_nca:med_nca_16", "for this test", "none", stochastic=True)
    register(line)
    register(line)  # the same again is no conflict
    assert names()[-1] == "tiny-nca"
    assert build("tiny-nca", steps=2).name == "tiny-nca"
    with pytest.raises(ValueError, match="'tiny-nca' is already registered as mednca_bench"):
        register(ModelEntry("tiny-nca", "other:thing", "another", "none"))


def test_weights_depend_on_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first = digest(build("med-nca", seed=1))
    assert torch.equal(state, torch.get_rng_state())
    assert first == digest(build("med-nca", seed=1))
    assert first != digest(build("med-nca", seed=2))
    assert first != digest(build("med-nca"))


def test_importing_the_table_imports_no_torch() -> None:
    code = "import sys, mednca_bench.models; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_without_parameters_segments() -> None:
    class Bright(Segmenter):
        def segment(self, image: torch.Tensor, *, keys: Sequence[FireKey]) -> torch.Tensor:
            return image - 0.5

        def macs(self, height: int, width: int) -> int:
            return 0

    image = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
    model = Bright("bright", in_channels=1, out_channels=1, options={})
    assert torch.equal(model(image), image - 0.5) and device_of(model).type == "cpu"
