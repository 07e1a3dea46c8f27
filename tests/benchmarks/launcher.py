"""Runs one command and reports its cost as JSON.

This is a small process of its own, because a child's peak memory begins with the memory of its parent at the start.
"""

import json
import os
import signal
import sys
import time

_PATIENCE = 900
_TO_STDERR = [(os.POSIX_SPAWN_DUP2, 2, 1)]


def main() -> None:
    began = time.perf_counter()
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=_TO_STDERR)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(_PATIENCE)
    _, status, usage = os.wait4(child, 0)
    cost = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024),
    }
    json.dump(cost, sys.stdout)


if __name__ == "__main__":
    main()
