"""Being told to stop: SIGTERM, as of a scheduler or a spot notice, is taken like Ctrl-C, and ends within seconds."""

import atexit
import os
import signal
import threading

PATIENCE = 8.0  # s for workers to be let go of
INTERRUPTED = 130  # exit status, as shells have it


def at_once() -> None:
    """Until `listen`, while a job is still being loaded: being told to stop ends it with one line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(*_: object) -> None:
    os.write(2, b"stopped: nothing was begun; the same command begins it\n")
    os._exit(INTERRUPTED)


def listen() -> None:
    """From here on SIGTERM raises KeyboardInterrupt in this process's main thread, as SIGINT does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
        if signal.getsignal(signal.SIGINT) is _end:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Stopped(Exception):
    """A job that was told to stop, and did what it had to. The message is its one line."""


def in_time() -> None:
    """From here on this process is not interrupted again, and ends within PATIENCE seconds, whatever it waits for."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    late = threading.Timer(PATIENCE, os._exit, [INTERRUPTED])
    late.daemon = True
    late.start()


def finished() -> None:
    """The job is done: being told to stop while this process tidies up at its end changes nothing, and says nothing."""
    atexit.register(_ignore)  # before what was registered earlier, as cluster/spill.py's


def _ignore() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
