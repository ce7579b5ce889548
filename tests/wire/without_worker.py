"""Runs a command of Organic Mail on a machine where the worker that opens pictures cannot start: PYTHON -m MODULE …"""

from __future__ import annotations

import runpy
import sys

from organic_mail import picture_process

if __name__ == "__main__":
    picture_process._PROGRAM = "raise SystemExit(3)"
    _, _, _, module, *words = sys.argv
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__")
