"""What an earlier writing left goes; what it is not ours to delete stays."""

from pathlib import Path

from mednca_bench.results import leftovers, plots, tables
from mednca_bench.results.leftovers import TABLES, clear
from tests.results.fake_records import write_run


def test_tables_and_figures_of_before_go_and_other_files_stay(tmp_path: Path) -> None:
    write_run(tmp_path, cases=3)
    built = tables.build(tmp_path)
    written = [*tables.write(tmp_path, tables=built), *plots.write(tmp_path, tables=built)]
    assert clear(tmp_path, written=written) == []
    own = [tmp_path / "tables" / "mine.csv", tmp_path / "plots" / "mine.png", tmp_path / "plots" / "mine.json"]
    for path in own:
        path.write_text("{}")
    kept = {path for path in written if path.stem not in ("ranks", "severity_curves")}
    assert set(clear(tmp_path, written=kept)) == set(written) - kept
    assert all(path.is_file() for path in [*own, *kept])


def test_every_table_that_is_built_can_be_cleared(tmp_path: Path) -> None:
    write_run(tmp_path, cases=3)
    assert set(tables.build(tmp_path)) <= set(TABLES)
    assert leftovers.clear(tmp_path / "empty", written=[]) == []
