"""PNG slices: what a viewer shows is what is read, and what is no grey picture is refused in one line."""

import numpy as np
import pytest
from PIL import Image

from mednca_bench.benchmark.errors import DataProblem
from mednca_bench.benchmark.nifti import read_volume
from mednca_bench.benchmark.png import png_bytes

ROWS = np.arange(12).reshape(3, 4)  # 3 rows from the top, 4 columns from the left


def test_columns_run_along_x_and_rows_upwards_along_y(tmp_path):
    Image.fromarray(ROWS.astype(np.uint8)).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    assert volume.array.shape == (4, 3, 1) and volume.spacing == (1.0, 1.0, 1.0)
    assert volume.array[0, 2, 0] == ROWS[0, 0] and volume.array[3, 0, 0] == ROWS[2, 3]
    np.testing.assert_array_equal(volume.affine, np.eye(4))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_values_are_kept(tmp_path, dtype):
    values = (ROWS * (np.iinfo(dtype).max // 12)).astype(dtype)
    (tmp_path / "a.png").write_bytes(png_bytes(values))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.png").array[..., 0], values)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_grey_in_any_mode_is_grey(tmp_path, mode):
    picture = Image.fromarray(np.where(ROWS > 5, 255, 0).astype(np.uint8))
    picture.convert("RGB").convert(mode).save(tmp_path / "a.png") if mode == "P" else picture.convert(mode).save(
        tmp_path / "a.png"
    )
    assert (read_volume(tmp_path / "a.png").array > 0).sum() == 6


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (Image.new("RGB", (4, 3), (1, 2, 3)), "is a colour picture; save it in grey values"),
        (Image.new("RGBA", (4, 3), (9, 9, 9, 40)), "is transparent in places; save it in grey values"),
    ],
)
def test_colours_and_transparency_are_refused(tmp_path, picture, problem):
    picture.save(tmp_path / "a.png")
    with pytest.raises(DataProblem, match=problem):
        read_volume(tmp_path / "a.png")


def png_of(values: np.ndarray, *, depth: int, colour: int, palette: bytes = b"") -> bytes:
    """A PNG by hand: rows of packed samples, as the specification has them."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in values]
    else:
        bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        rows = [np.packbits(row.ravel()).tobytes() for row in bits]
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    middle = chunk(b"PLTE", palette) if palette else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + middle + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_depths_whose_values_would_change_are_refused(tmp_path):
    labels = np.array([[0, 1], [2, 1]])
    deep = np.repeat((labels * 200)[..., None], 3, axis=-1)
    for data, said in (
        (png_of(labels, depth=4, colour=0), "has 4 bits of grey"),
        (png_of(labels, depth=2, colour=0), "has 2 bits of grey"),
        (png_of(deep, depth=16, colour=2), "has 16 bits a colour"),
        (png_of(labels, depth=8, colour=3, palette=bytes([0, 0, 0, 0, 0, 0, 9, 9, 9])), "shows several values alike"),
    ):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(DataProblem, match=said):
            read_volume(tmp_path / "a.png")
    for data, factor in (
        (png_of(labels, depth=8, colour=0), 1),
        (png_of(labels * 300, depth=16, colour=0), 300),
        (png_of(labels, depth=8, colour=3, palette=bytes([0, 0, 0, 5, 5, 5, 10, 10, 10])), 5),
    ):
        (tmp_path / "a.png").write_bytes(data)
        np.testing.assert_array_equal(read_volume(tmp_path / "a.png").array[..., 0], labels[::-1].T * factor)


def test_truncated_and_other_files_are_refused(tmp_path):
    data = png_bytes(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8))
    for content in (data[: len(data) // 2], b"no picture", b""):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(DataProblem, match="cannot be read, truncated or not PNG"):
            read_volume(tmp_path / "a.png")
