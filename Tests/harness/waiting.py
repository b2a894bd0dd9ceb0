"""Waiting for events that send no notification: the only place where tests sleep."""

import socket
import time


def wait_until(condition, what, seconds=10, every=0.02):
    """Calls the condition until it is true, and returns its value; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(every)
    return found


def can_connect(path):
    """Whether somebody listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
