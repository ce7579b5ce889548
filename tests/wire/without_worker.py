"""Runs a command where the worker that opens pictures does not start, or not in time: [slow] PYTHON -m …"""

from __future__ import annotations

import runpy
import sys

from organic_mail import picture_process

if __name__ == "__main__":
    words = sys.argv[1:]
    picture_process._PROGRAM = "raise SystemExit(3)"
    if words[0] == "slow":
        # It is never ready in time. By the words behind it a test finds the process.
        picture_process._PROGRAM = "import time; time.sleep(600)  # picture_worker"
        words = words[1:]
    _, _, module, *sys.argv[1:] = words
    sys.argv[0] = module
    runpy.run_module(module, run_name="__main__")
