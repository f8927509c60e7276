"""The command line: `mednca-bench COMMAND …`. A command is imported when it is called, so that help is quick.

Exit codes: 0 success, 1 failed work, 2 wrong usage. An error is one line on standard error; `--debug` shows where.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence

import click

from .. import __version__
from .errors import BenchError, nearest

COMMANDS = {
    "run": (".cli_run:run", "Run a suite: train or load models, score, write tables, plots and report."),
    "train": (".cli_run:train", "Train one model on a task's train part and keep its weights."),
    "stability": (".cli_stability:stability", "Find out over several seeds whether training under a recipe survives."),
    "predict": (".cli_predict:predict", "Segment images with a trained model and write their labels."),
    "score": (".cli_score:score", "Score predictions of other models on a corrupted benchmark."),
    "report": (".cli_run:report", "Write the tables, plots and report of a run folder again."),
    "compare": (".cli_runs:compare", "Compare two run folders, answer by answer."),
    "merge": (".cli_runs:merge", "Merge run folders of one task and part into one."),
    "reproduce": (".cli_reproduce:reproduce", "Print the paper's figures beside a run's own, with verdicts."),
    "export": (".cli_export:export", "Write a trained model as C source, ONNX graph or device bundle."),
    "ladder": (".cli_device:ladder", "Find the largest image each model segments under memory caps."),
    "import-device": (".cli_device:import_device", "Take a device bundle's results into a run folder."),
    "weights": (".cli_weights:weights", "Put trained weights with a card into the package (maintainers)."),
    "data": (".cli_data:data", "List, fetch, verify, generate and corrupt data."),
    "list": (".cli_list:listing", "List models, perturbations, suites, tasks, recipes or weights."),
}


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported only when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module, package=__package__), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or offer the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = nearest(args[0], COMMANDS)
            hint = f"; did you mean {close!r}?" if close else ";"
            raise click.UsageError(f"unknown command {args[0]!r}{hint} allowed: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mednca-bench")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """Benchmark lightweight medical image segmentation: accuracy, robustness, efficiency.

    Start with:  mednca-bench run --suite robustness
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        code = cli.main(words, prog_name="mednca-bench", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        message, code = explain(error)
        click.echo(f"error: {message}", err=True)
    sys.exit(code if isinstance(code, int) else 0)


def explain(error: BaseException) -> tuple[str, int]:
    """One line and an exit code for an error.

    >>> explain(BenchError("volume.nii.gz: truncated; replace the file"))
    ('volume.nii.gz: truncated; replace the file', 1)
    """
    if isinstance(error, BenchError):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        where = f" (see `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        return " ".join(error.format_message().split()) + where, error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "interrupted; what was computed is kept, the same command goes on from there", 1
    if isinstance(error, OSError) and error.filename is not None:
        remedy = (
            "free some space and run again" if error.errno == errno.ENOSPC else "check the path and its permissions"
        )
        return f"{error.filename}: {error.strerror}; {remedy}", 1
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no space left on the disk; free some and run again, what was computed is kept", 1
    if isinstance(error, ValueError):
        return " ".join(str(error).split()), 1
    return f"{type(error).__name__}: {' '.join(str(error).split())} (a bug; run with --debug to see where)", 1
