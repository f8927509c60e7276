"""The works of the engine's benchmarks: one NCA level, by the engine, by the literal rule, by torch.compile of it."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mednca_bench.models import fire
from mednca_bench.models.nca_inference import advance
from mednca_bench.models.nca_rule import RuleShape
from mednca_bench.models.nca_training import advance_training
from tests.models.literal_rule import literal_steps, masks
from tests.models.made import made, made_rule

RATE = 0.5
SGEMM_SIDE = 2048
Variant = Callable[[], object]


class Work:
    """One level's states, rule and masks, and what to do with them.

    The engine draws its masks within the measured time, from another stream every round; the literal rule is given its
    masks for nothing.
    """

    def __init__(self, *, batch: int, side: int, steps: int, channels: int = 32) -> None:
        self.shape = RuleShape(channels=channels, hidden=128, kernel=3, image=1)
        self.rule = made_rule(self.shape, update=0.01)
        self.state = made(batch, side, side, channels)
        self.target = (made(batch, side, side, seed=1) > 0.5).float()
        self.size = {"steps": steps, "height": side, "width": side, "limit": fire.threshold(RATE)}
        self.masks = masks(range(batch), **self.size)
        self._streams: Iterator[int] = count()

    def inference(self, *, bfloat16: bool = False) -> Tensor:
        with torch.inference_mode():
            return advance(self.state, self.rule.weights(), self.shape, self._bits(), bfloat16=bfloat16)

    def literal_inference(self, *, turned: bool = True) -> Tensor:
        with torch.inference_mode():
            return literal_steps(self.rule, self.state, self.masks, turned=turned)

    def training(self) -> tuple[Tensor, ...]:
        return self._gradients(advance_training(self.state, self.rule.weights(), self.shape, self._bits()))

    def literal_training(self, *, turned: bool = True) -> tuple[Tensor, ...]:
        return self._gradients(literal_steps(self.rule, self.state, self.masks, turned=turned))

    def compiled(self, *, training: bool) -> Variant:
        """Compile one step of the literal rule, which the loop over steps then calls.

        Raises:
            Exception: whatever the compiler raises, for instance without a C++ compiler.
        """

        def run() -> object:
            state = self.state
            with torch.set_grad_enabled(training):
                for mask in self.masks:
                    state = step(self.rule, state, mask[None])
                return self._gradients(state) if training else state

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's own
            step = torch.compile(literal_steps, dynamic=False)
            run()
        return run

    def _bits(self) -> fire.Bits:
        return fire.draw([next(self._streams) for _ in self.state], **self.size)

    def _gradients(self, final: Tensor) -> tuple[Tensor, ...]:
        loss = functional.binary_cross_entropy_with_logits(final[..., 1], self.target)
        return torch.autograd.grad(loss, list(self.rule.parameters()))


def sgemm() -> Variant:
    """A product of two square matrices, the yardstick of what the machine can do; 2 * side**3 FLOP."""
    left, right = made(SGEMM_SIDE, SGEMM_SIDE), made(SGEMM_SIDE, SGEMM_SIDE, seed=1)
    return lambda: left @ right


def peak_megabytes(variant: str, *, batch: int, side: int, steps: int) -> float:
    """Run one training step in a fresh process and read by how much its resident memory grew at most (10^6 bytes)."""
    code = f"from tests.perf.engine_work import report_peak; report_peak({variant!r}, {batch}, {side}, {steps})"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(answer.stdout)


def report_peak(variant: str, batch: int, side: int, steps: int) -> None:
    """Print `peak_megabytes` of this process, counted from before its first step; Linux only."""
    Work(batch=1, side=8, steps=1).training()
    work = Work(batch=batch, side=side, steps=steps)
    before = _status("VmRSS")
    step: Variant = work.training if variant == "engine" else work.literal_training
    step()
    print((_status("VmHWM") - before) * 1024 / 1e6)


def _status(field: str) -> int:
    """Read a memory figure of this process, in 1024 bytes. (getrusage would count what the parent held at the fork.)"""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
