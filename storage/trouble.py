"""What can go wrong with the database, in plain words."""

from __future__ import annotations


class DatabaseProblem(Exception):
    """The database cannot be opened or made: one line that names the cure, for the operator."""


class StorageTrouble(Exception):
    """The database cannot work just now (full, locked, broken, away): nothing was kept, try again later.

    At the SMTP edge this is a 451, so the sender's server keeps the post (RFC 5321 §4.2.1).
    """
