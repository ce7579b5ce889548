"""Which release this is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    try:
        return metadata.version("organic-mail")
    except metadata.PackageNotFoundError:
        return "not installed, run from its source"
