"""The equivariance table against numbers worked out by hand."""

import json
import math

import pandas as pd
import pytest

from mednca_bench.results.equivariance_error import equivariance_error
from mednca_bench.results.metrics import derive
from mednca_bench.results.table_equivariance import equivariance
from tests.results.fake_records import record


def _counts(tp: int, fp: int, fn: int) -> dict[str, int]:
    return {"eq_tp": tp, "eq_fp": fp, "eq_fn": fn}


def _frame() -> pd.DataFrame:
    rows = []
    for case, group, wrong in (("a", "1", 10), ("b", "2", 30)):
        on = {"case": case, "group": group, "grid": "model"}
        rows.append(record(0.9, measures=_counts(95, 5, 5), **on))
        for severity, pixels in ((1, 1), (3, 4)):
            shift = {"perturbation": "shift", "perturbation_version": 1, "kind": "grid", "severity": severity}
            differing = wrong if pixels % 4 else 0
            rows.append(
                record(
                    0.8,
                    measures=_counts(100 - differing, differing, differing),
                    parameters=json.dumps({"pixels": pixels, "direction": "+x"}),
                    **on,
                    **shift,
                )
            )
        noise = {"perturbation": "noise", "perturbation_version": 2, "kind": "acquisition", "severity": 1}
        rows.append(record(0.9, case=case, group=group))
        rows.append(record(0.7, case=case, group=group, **noise))
    return derive(pd.DataFrame(rows))


def test_error_floor_and_drop_by_hand() -> None:
    table = equivariance(_frame())
    assert table is not None
    first, third = table.frame.to_dict("records")
    assert (first["perturbation"], first["severity"], first["shift_mod4"]) == ("shift", 1, 1)
    assert first["error_mean"] == pytest.approx((0.1 + 0.3) / 2) and first["cases"] == 2
    assert first["floor_mean"] == pytest.approx(0.05)
    assert first["drop_mean"] == pytest.approx(0.1)
    assert (third["severity"], third["shift_mod4"], third["error_mean"]) == (3, 0, 0)
    assert "| shift " in table.markdown() and "Shift mod 4" in table.markdown()


def test_the_order_of_records_does_not_matter() -> None:
    tables = [equivariance(frame) for frame in (_frame(), _frame().iloc[::-1].reset_index(drop=True))]
    assert tables[0] is not None and tables[1] is not None
    assert tables[0].csv() == tables[1].csv()


def test_undefined_stays_undefined() -> None:
    frame = pd.DataFrame([_counts(-1, -1, -1), _counts(0, 0, 0), _counts(0, 3, 0)])
    found = equivariance_error(frame)
    assert math.isnan(found[0]) and math.isnan(found[1]) and found[2] == 1


def test_without_grid_perturbations_there_is_no_table() -> None:
    frame = _frame()
    assert equivariance(frame[frame["kind"] != "grid"]) is None
