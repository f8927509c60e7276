"""The record: one case x one label x one condition, as it lies in the store.

A record holds what was measured, not what is reported: counts, soft sums, surface distances as a histogram, calibration
bins. Every metric is derived from it later (`metrics.py`), so a metric can be added without running a model again.
Lengths are millimetres. `SCHEMA` is the Arrow schema of the Parquet parts; `COLUMNS` says what each column means.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

SCHEMA_VERSION: Final = 2
"""Raised when a column is added, removed or changes its meaning. Records of another version are refused by name."""

SCHEMA_KEY: Final = b"mednca_bench.schema"
"""Where a Parquet file's metadata says which schema version it follows."""

SEVERITIES: Final = (0, 1, 2, 3, 4, 5)
"""0 is the clean image."""

CALIBRATION_BINS: Final = 15
"""Equal bins of the predicted probability over [0, 1]; the last one includes 1."""

STATES: Final = ("ok", "both_empty", "missed", "false_positive")
KINDS: Final = ("acquisition", "grid", "clean")
GRIDS: Final = ("native", "model")


@dataclass(frozen=True)
class Column:
    """One column of a record.

    Attributes:
        name: as in the Parquet file.
        type: its Arrow type.
        role: "identity" (given by whoever runs the benchmark) or "measured" (by `measure.py`).
        meaning: one line, with the unit.
    """

    name: str
    type: Any
    role: Literal["identity", "measured"]
    meaning: str


def _identity(name: str, kind: Any, meaning: str) -> Column:
    return Column(name, kind, "identity", meaning)


def _measured(name: str, kind: Any, meaning: str) -> Column:
    return Column(name, kind, "measured", meaning)


_TEXT, _INT, _LONG, _REAL = pa.string(), pa.int32(), pa.int64(), pa.float64()
_COUNTS, _REALS = pa.list_(pa.int32()), pa.list_(pa.float32())

COLUMNS: Final = (
    _identity("key", _TEXT, "key of the work unit, 64 hex digits; the labels of one unit share it"),
    _identity("task", _TEXT, "task name, e.g. Task04_Hippocampus"),
    _identity("phantom", pa.bool_(), "true: generated data, not real MRI"),
    _identity("case", _TEXT, "case id"),
    _identity("group", _TEXT, "the subject the case belongs to"),
    _identity("split", _TEXT, "train, val or test"),
    _identity("label", _TEXT, "label name; 'foreground' when the labels are merged"),
    _identity("model", _TEXT, "model name"),
    _identity("recipe", _TEXT, "training recipe"),
    _identity("weights", _TEXT, "SHA-256 of the weights, hex"),
    _identity("train_seed", _LONG, "seed of the training run"),
    _identity("perturbation", _TEXT, "perturbation name; 'clean' at severity 0"),
    _identity("perturbation_version", _INT, "version of the perturbation; 0 when clean"),
    _identity("kind", _TEXT, "acquisition, grid or clean"),
    _identity("severity", _INT, "0 (clean) to 5"),
    _identity("grid", _TEXT, "grid scored on: native or model"),
    _identity("draw_seed", _LONG, "seed of the perturbation's draw"),
    _identity("fire_seed", _LONG, "seed of the fire masks, the first of an ensemble's; -1 for a deterministic model"),
    _identity("passes", _INT, "passes whose mean is the answer, with fire seeds from fire_seed on; 1: a single pass"),
    _identity("clean_key", _TEXT, "key of the clean partner on the same grid; its own key when clean"),
    _identity("parameters", _TEXT, "parameters drawn, JSON"),
    _measured("tp", _LONG, "voxels predicted and true"),
    _measured("fp", _LONG, "voxels predicted, not true"),
    _measured("fn", _LONG, "voxels true, not predicted"),
    _measured("voxels", _LONG, "voxels of the scored grid"),
    _measured("p_sum", _REAL, "sum of the predicted probability"),
    _measured("py_sum", _REAL, "sum of the predicted probability over the true voxels"),
    _measured("p_sum_paper", _REAL, "the paper's soft Dice: sum of probability on the resampled grid, else NaN"),
    _measured("py_sum_paper", _REAL, "the same over the true voxels of the nearest-resampled label, else NaN"),
    _measured("y_sum_paper", _REAL, "true voxels of the nearest-resampled label, else NaN"),
    _measured("distance_mm", _REALS, "distinct surface distances, rising, to 1e-4 mm; empty if a mask is empty"),
    _measured("count_prediction", _COUNTS, "surface voxels of the prediction at that distance from the truth"),
    _measured("count_reference", _COUNTS, "surface voxels of the truth at that distance from the prediction"),
    _measured("diagonal_mm", _REAL, "diagonal of the scored grid, mm"),
    _measured("voxel_mm3", _REAL, "volume of a voxel, mm^3"),
    _measured("cal_count", _COUNTS, "voxels per bin of predicted probability, 15 equal bins of [0, 1]"),
    _measured("cal_p", _REALS, "sum of the predicted probability per bin"),
    _measured("cal_y", _REALS, "true voxels per bin"),
    _measured(
        "nqm", _REAL, "sum of the sd (ddof 0) of the passes' probability over the sum of their mean; NaN: one pass"
    ),
    _measured("entropy_sum", _REAL, "sum of the binary entropy of the probability, nats, model's grid"),
    _measured("p_sum_model", _REAL, "sum of the predicted probability on the model's grid"),
    _measured("eq_tp", _LONG, "equivariance: pixels in the answer on the moved image and in the moved answer, else -1"),
    _measured("eq_fp", _LONG, "pixels in the answer on the moved image alone, else -1"),
    _measured("eq_fn", _LONG, "pixels in the moved answer alone, else -1; clean: two fire seeds are compared"),
    _measured("state", _TEXT, "ok, both_empty, missed (truth only) or false_positive (prediction only)"),
)

IDENTITY: Final = tuple(column.name for column in COLUMNS if column.role == "identity")
MEASURED: Final = tuple(column.name for column in COLUMNS if column.role == "measured")
DISTANCE_COLUMNS: Final = ("distance_mm", "count_prediction", "count_reference")
LIST_COLUMNS: Final = (*DISTANCE_COLUMNS, "cal_count", "cal_p", "cal_y")

SCHEMA: Final = pa.schema(
    [pa.field(column.name, column.type, nullable=False) for column in COLUMNS],
    metadata={SCHEMA_KEY: str(SCHEMA_VERSION).encode()},
)
UNIT_SCHEMA: Final = pa.schema(
    [pa.field(column.name, column.type, nullable=False) for column in COLUMNS if column.role == "identity"],
    metadata={SCHEMA_KEY: str(SCHEMA_VERSION).encode()},
)
