"""Progress: few plain lines where there is no terminal, a bar where there is one; nothing on standard output."""

import io
import sys

import pytest

from mednca_bench.benchmark import progress as progress_module
from mednca_bench.benchmark.progress import progress, say


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress_module.time, "monotonic", found)
    return found


def test_a_line_every_10_seconds_and_one_at_the_end(capsys, clock):
    with progress("work", total=4) as meter:
        for seconds in (4.0, 8.0, 1.0, 2.0):
            clock.now += seconds
            meter.advance(note="loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["work: 2/4, 12 s, 12 s left, loss 0.5", "work: 4/4, 15 s, 0 s left, loss 0.5"]


def test_steps_done_before_do_not_make_the_work_look_fast(capsys, clock):
    with progress("work", total=100, done=90) as meter:
        clock.now += 20
        meter.advance(5)
    assert capsys.readouterr().err == "work: 95/100, 20 s, 20 s left\n"


def test_steps_that_need_no_work_count_and_do_not_make_it_look_fast(capsys, clock):
    """Of 100 steps 40 are known and 30 come to nothing; 5 took 20 s, and so will the other 25 in 100 s."""
    with progress("work", total=100) as meter:
        meter.skip(40)
        clock.now += 20
        meter.skip(30)
        meter.advance(5)
    assert capsys.readouterr().err == "work: 75/100, 20 s, 100 s left\n"


def test_work_that_is_done_or_empty_says_nothing(capsys):
    with progress("work", total=3, done=3), progress("none", total=0):
        pass
    assert capsys.readouterr() == ("", "")


def test_nothing_is_said_of_the_time_left_before_the_first_is_done(capsys, clock):
    with progress("work", total=2) as meter:
        clock.now += 30
        meter.advance(0)
    assert capsys.readouterr().err == "work: 0/2, 30 s\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_count_and_note(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("case [3]", total=4, done=1) as meter:
        meter.skip(2)
        meter.advance(note="loss [bold]")
    text = terminal.getvalue()
    assert "case [3]" in text and "loss [bold]" in text and "4/4" in text


def test_a_line_goes_to_standard_error(capsys):
    say("PHANTOM DATA")
    assert capsys.readouterr() == ("", "PHANTOM DATA\n")
