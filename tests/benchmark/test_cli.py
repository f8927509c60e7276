"""The command line's frame: help without heavy imports, errors as one line with the right exit code."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mednca_bench import __version__
from mednca_bench.benchmark import cli as cli_module
from mednca_bench.benchmark.cli import COMMANDS, explain, main
from mednca_bench.benchmark.errors import BenchError, DataProblem, UsageProblem

HEAVY = ("torch", "monai", "pandas", "scipy", "matplotlib", "numpy", "nibabel", "pyarrow", "rich", "seaborn")


def left_with(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error; it must be one line and nothing else."""
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    "statement",
    ["import mednca_bench.benchmark.cli", "from mednca_bench.benchmark.cli import main; main(['--help'])"],
    ids=["import", "help"],
)
def test_help_imports_nothing_heavy(statement):
    script = f"""
import atexit, sys
atexit.register(lambda: print("HEAVY", sorted(set(sys.modules) & set({HEAVY!r}))))
{statement}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


@pytest.mark.parametrize("command", ["run", "train", "report"])
def test_help_of_a_command_imports_nothing_heavy_either(command):
    script = f"""
import atexit, sys
atexit.register(lambda: print("HEAVY", sorted(set(sys.modules) & set({HEAVY!r}))))
from mednca_bench.benchmark.cli import main
main([{command!r}, "--help"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr
    assert done.stdout.startswith(f"Usage: mednca-bench {command} ")


def test_help_lists_every_command_with_its_summary(capsys):
    assert left_with("--help") == 0
    text = capsys.readouterr().out
    for name, (_, summary) in COMMANDS.items():
        assert name in text and summary.split(".")[0].split(":")[0] in " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_imported_and_has_help(capsys, command):
    assert left_with(command, "-h") == 0
    assert capsys.readouterr().out.startswith(f"Usage: mednca-bench {command} ")


def test_the_shell_completes_commands():
    asked = {"_MEDNCA_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": "mednca-bench r", "COMP_CWORD": "1"}
    script = "from mednca_bench.benchmark.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | asked, capture_output=True, text=True)
    assert done.stdout.split() == ["plain,run", "plain,report", "plain,reproduce"]


def test_version(capsys):
    assert left_with("--version") == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            ("rum",),
            "unknown command 'rum'; did you mean 'run'? allowed: run, train, stability, predict, ",
        ),
        (("xyzzy",), "unknown command 'xyzzy'; allowed: run,"),
        (("--bogus",), "No such option"),
        (("list", "modles"), "models"),
        (("list", "models", "--jsn"), "--json"),
        (("run", "--suite", "accuracy", "--modle", "unet"), "--model"),
        (("run",), "--suite"),
        (("run", "--suite", "accuracy", "--split", "tset"), "'test'"),
        (("run", "--suite", "accuracy", "--labels", "both"), "merged or classes"),
        (("run", "--suite", "accuracy", "--draws", "0"), "x>=1"),
        (("run", "--suite", "accuracy", "--seed", "-1"), "x>=0"),
        (("run", "--suite", "accuracy", "--jobs", "two"), "'two' is not a valid integer"),
        (("run", "--suite", "accuracy", "surplus"), "surplus"),
        (("report", "/nonexistent"), "'/nonexistent' does not exist"),
        (("report",), "RUN_FOLDER"),
        (("train", "--seed", "x"), "'x' is not a valid integer"),
    ],
)
def test_wrong_usage_is_one_line_with_what_is_allowed_and_exit_code_2(capsys, words, hint):
    assert left_with(*words) == 2
    assert hint in one_line(capsys)


def test_without_a_command_help_is_shown(capsys):
    assert left_with() in (0, 2)
    out, err = capsys.readouterr()
    assert "Usage: mednca-bench" in out + err and "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (BenchError("a.nii: truncated; replace it"), "a.nii: truncated; replace it", 1),
        (BenchError("two\nlines"), "two lines", 1),
        (UsageProblem("unknown model"), "unknown model", 2),
        (
            DataProblem(Path("a"), "bad", "fix"),
            "a: bad; fix",
            1,
        ),
        (click.UsageError("no\nsuch option"), "no such option", 2),
        (click.ClickException("odd"), "odd", 1),
        (KeyboardInterrupt(), "interrupted; what was computed is kept, the same command goes on from there", 1),
        (click.Abort(), "interrupted; what was computed is kept, the same command goes on from there", 1),
        (
            OSError(errno.ENOSPC, "No space left on device", "/runs/part"),
            "/runs/part: No space left on device; free some space and run again",
            1,
        ),
        (
            OSError(errno.ENOSPC, "No space left"),
            "no space left on the disk; free some and run again, what was computed is kept",
            1,
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/runs"),
            "/runs: Permission denied; check the path and its permissions",
            1,
        ),
        (ValueError("part-1.parquet:\ndamaged"), "part-1.parquet: damaged", 1),
        (RuntimeError("oh\nno"), "RuntimeError: oh no (a bug; run with --debug to see where)", 1),
        (OSError("odd"), "OSError: odd (a bug; run with --debug to see where)", 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_errors_are_one_line_and_an_exit_code(error, line, code):
    assert explain(error) == (line, code)


@pytest.fixture
def failing(monkeypatch) -> None:
    """A command that fails as a bug would."""

    @click.command()
    def command() -> None:
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setitem(COMMANDS, "fail", ("unused:unused", ""))
    monkeypatch.setattr(cli_module.LazyGroup, "get_command", lambda self, ctx, name: command)


def test_a_traceback_is_shown_only_when_asked_for(failing, capsys):
    assert left_with("fail") == 1
    assert one_line(capsys) == "error: RuntimeError: a bug of two lines (a bug; run with --debug to see where)\n"
    for words in (("--debug", "fail"), ("fail", "--debug")):
        with pytest.raises(RuntimeError, match="a bug\nof two lines"):
            main(words)


def test_the_exit_code_is_what_the_command_returns(monkeypatch):
    @click.command()
    @click.argument("code", type=int)
    def command(code: int) -> int | None:
        return code or None

    monkeypatch.setitem(COMMANDS, "leave", ("unused:unused", ""))
    monkeypatch.setattr(cli_module.LazyGroup, "get_command", lambda self, ctx, name: command)
    assert [left_with("leave", str(code)) for code in (0, 1, 3)] == [0, 1, 3]
