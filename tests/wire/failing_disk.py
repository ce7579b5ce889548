"""Runs a Python module whose SQLite meets the faults that a file names.

    python failing_disk.py FAULT python -m MODULE WORDS…

While the file FAULT is there, what it names fails: the name of an errno, for each write, or "fsync".
"""

from __future__ import annotations

import ctypes
import errno
import re
import runpy
import sqlite3
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_void_p
from pathlib import Path
from typing import Any

FSYNC = "fsync"

_WRITE = CFUNCTYPE(c_ssize_t, c_int, c_void_p, c_size_t, c_int64, use_errno=True)
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_SET_CALL = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GET_CALL = CFUNCTYPE(c_void_p, c_void_p, c_char_p)

_BEFORE_SYNC, _AFTER_SYNC = 4, 12
"""Methods of a file in sqlite3_io_methods (version 3) around xSync."""


class _Vfs(Structure):
    _fields_ = (
        ("numbers", c_int * 3),
        ("names", c_void_p * 3),
        ("open", _OPEN),
        ("others", c_void_p * 12),
        ("set_call", _SET_CALL),
        ("get_call", _GET_CALL),
    )


class _Methods(Structure):
    _fields_ = (
        ("version", c_int),
        ("before", c_void_p * _BEFORE_SYNC),
        ("sync", _SYNC),
        ("after", c_void_p * _AFTER_SYNC),
        ("unfetch", c_void_p),
    )


def install(fault: Path) -> list[Any]:
    """What must be kept as long as SQLite is used."""
    vfs = _library().contents
    pwrite = _WRITE(vfs.get_call(ctypes.byref(vfs), b"pwrite64"))
    really_open = _OPEN(ctypes.cast(vfs.open, c_void_p).value or 0)
    kept: list[Any] = [vfs, pwrite, really_open]

    def named() -> str:
        try:
            return fault.read_text()
        except FileNotFoundError:
            return ""

    def write(file: int, data: int, size: int, at: int) -> int:
        name = named()
        if name in ("", FSYNC):
            return pwrite(file, data, size, at)
        ctypes.set_errno(getattr(errno, name))
        return -1

    def open_file(of: int, name: int, file: int, flags: int, out: int) -> int:
        code = really_open(of, name, file, flags, out)
        methods = ctypes.cast(file, POINTER(POINTER(_Methods)))
        if code == sqlite3.SQLITE_OK and methods[0]:
            ours = _Methods.from_buffer_copy(methods[0].contents)
            really_sync = _SYNC(ctypes.cast(ours.sync, c_void_p).value or 0)
            ours.sync = _SYNC(lambda of, how: sqlite3.SQLITE_IOERR_FSYNC if named() == FSYNC else really_sync(of, how))
            methods[0] = ctypes.pointer(ours)
            kept.extend((ours, really_sync, ours.sync))
        return code

    callbacks = _WRITE(write), _OPEN(open_file)
    vfs.set_call(ctypes.byref(vfs), b"pwrite64", ctypes.cast(callbacks[0], c_void_p))
    vfs.open = callbacks[1]
    return [*kept, callbacks, kept]


def _library() -> Any:
    """The VFS that SQLite uses by itself, in the library that Python has loaded."""
    sqlite3.connect(":memory:").close()
    loaded = re.search(r"/\S*libsqlite3\S*", Path("/proc/self/maps").read_text())
    assert loaded, "these tests need a Python that uses SQLite's shared library"
    find = ctypes.CDLL(loaded[0]).sqlite3_vfs_find
    find.restype = POINTER(_Vfs)
    return find(None)


if __name__ == "__main__":
    _, fault_file, _, _, module, *words = sys.argv
    in_use = install(Path(fault_file))
    sys.argv = [module, *words]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)
