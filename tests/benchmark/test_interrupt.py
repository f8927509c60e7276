"""Deferred Ctrl-C: held back inside the block, as usual outside it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from mednca_bench.benchmark.interrupt import deaf_children, deferred_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_does_not_stop_the_block(number):
    before = signal.getsignal(number)
    with deferred_interrupt() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), number)
        assert interrupted()
    assert signal.getsignal(number) is before


def test_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="inside"), deferred_interrupt():
        raise RuntimeError("inside")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_not_lost_to_an_error(number):
    with pytest.raises(KeyboardInterrupt) as caught, deferred_interrupt():
        os.kill(os.getpid(), number)
        raise RuntimeError("inside")
    assert str(caught.value.__cause__) == "inside"


def test_outside_the_block_ctrl_c_is_a_keyboard_interrupt():
    with deferred_interrupt():
        pass
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_in_another_thread_the_block_runs_as_it_is():
    seen = []

    def work() -> None:
        with deferred_interrupt() as interrupted:
            seen.append((interrupted(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.getsignal(signal.SIGINT))]


def test_a_process_started_deaf_does_not_hear_ctrl_c():
    script = "import signal, time; print(signal.getsignal(signal.SIGINT), flush=True); time.sleep(60)"
    with deaf_children():
        deaf = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    hearing = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with deaf, hearing:
        for child in (deaf, hearing):
            assert child.stdout is not None and child.stdout.readline()
            child.send_signal(signal.SIGINT)
        assert hearing.wait(timeout=30) != 0
        assert deaf.poll() is None
        deaf.kill()


def test_a_signal_that_comes_while_children_start_is_not_lost():
    with deferred_interrupt() as interrupted:
        with deaf_children():
            os.kill(os.getpid(), signal.SIGINT)
        assert interrupted()
