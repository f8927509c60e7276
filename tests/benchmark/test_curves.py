"""Learning curves: what TensorBoard reads back is what was added, and a resumed run replaces what it does again."""

import threading
import time
from pathlib import Path

import pytest

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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_on_a_full_disk_training_goes_on_without_curves(tmp_path, monkeypatch, capfd):
    from tensorboard.summary.writer import event_file_writer

    real = event_file_writer.tf.io.gfile.GFile
    monkeypatch.setattr(event_file_writer.tf.io.gfile, "GFile", lambda name, mode: real("/dev/full", mode))
    before = threading.excepthook
    with Curves(tmp_path) as curves:
        for update in range(1, 4):
            curves.add(line(update))
            time.sleep(0.05)  # the writer's thread notices on its own time
    assert threading.excepthook == before
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err
    assert f"{tmp_path}: no more curves are written (No space left on device); training goes on" in err


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path, capfd):
    (tmp_path / "file").touch()
    with Curves(tmp_path / "file") as curves:
        curves.add(line(1))
        curves.add(line(2))
    assert capfd.readouterr().err.count("no more curves are written") == 1


def test_a_validation_has_pictures_that_read_back(tmp_path):
    import io

    import numpy as np
    import torch
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from mednca_bench.benchmark.slices import PreparedCase
    from mednca_bench.models.base import Segmenter

    class Left(Segmenter):
        def segment(self, image, *, keys):
            return torch.where(torch.arange(image.shape[2])[:, None] < 4, 1.0, -1.0).expand(len(image), 1, -1, 12)

        def macs(self, height, width):
            return 0

    target = np.zeros((3, 1, 16, 12), dtype=np.uint8)
    target[1, 0, 8:12, 2:6] = 1
    images = np.full((3, 1, 16, 12), 0.25, dtype=np.float32)
    cases = tuple(PreparedCase(f"c{n}", f"{n:064d}", images, target) for n in range(7))
    model = Left("left", in_channels=1, out_channels=1, options={})
    with Curves(tmp_path) as curves:
        for point in (line(1), line(2, val_dice=0.5)):
            curves.add(point)
            curves.overlays(point, model, cases)
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    events.Reload()
    assert sorted(events.Tags()["images"]) == ["val/c0", "val/c2", "val/c4"]
    (event,) = events.Images("val/c0")
    picture = np.array(Image.open(io.BytesIO(event.encoded_image_string)))
    assert event.step == 2 and picture.shape == (48, 64, 3)  # X to the right
    white = (picture == 255).all(axis=-1)
    red = (picture == (230, 50, 30)).all(axis=-1)
    rows, columns = np.nonzero(white)
    assert (columns.min(), columns.max()) == (32, 47) and (rows.min(), rows.max()) == (48 - 24, 48 - 8 - 1)
    assert np.nonzero(red)[1].max() == 15  # the predicted quarter's border towards its outside
    assert (picture[0, 40] == 63).all()
