"""The revisions that this program knows, oldest first.

They stand here so that opening a database needs no alembic; a test compares them with the scripts. The id of a
revision names the release that brought it, so that an older program can say which one it needs.
"""

from __future__ import annotations

REVISIONS = ("0001_v0.1.0",)
HEAD = REVISIONS[-1]


def release_of(revision: str) -> str:
    """The release that brought a revision, "" where its id does not tell."""
    return revision.partition("_v")[2]
