"""Learning curves: what TensorBoard reads back is what was added, and a resumed run replaces what it does again."""

import time
from pathlib import Path

from mednca_bench.benchmark.checkpoint import LogLine
from mednca_bench.benchmark.curves import Curves


def line(update: int, *, loss: float = 0.5, val_dice: float | None = None) -> LogLine:
    return LogLine(update=update, loss=loss, gradient_norm=2.0, learning_rate=0.25, val_dice=val_dice)


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_every_value_is_a_point_and_none_is_left_out(tmp_path):
    with Curves(tmp_path) as curves:
        curves.add(line(1))
        curves.add(line(2, loss=0.25, val_dice=0.75))
    assert read(tmp_path) == {
        "loss": [(1, 0.5), (2, 0.25)],
        "gradient_norm": [(1, 2.0), (2, 2.0)],
        "learning_rate": [(1, 0.25), (2, 0.25)],
        "val_dice": [(2, 0.75)],
    }


def test_a_resumed_run_replaces_what_it_does_again(tmp_path):
    for start, loss in ((1, 0.5), (3, 0.25)):
        with Curves(tmp_path) as curves:
            for update in range(start, 5):
                curves.add(line(update, loss=loss))
        time.sleep(1.1)  # TensorBoard reads event files in the order of the whole second in their names.
    assert read(tmp_path)["loss"] == [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25)]


def test_without_points_nothing_is_written(tmp_path):
    with Curves(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()
