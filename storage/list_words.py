"""What the people of a list want said in its letters."""

from __future__ import annotations

from sqlmodel import Session

from storage.models_people import ListWords


def words_of_list(session: Session, list_id: int) -> ListWords:
    """What a list says; where nobody has said anything, what all lists say (a row that is not stored)."""
    return session.get(ListWords, list_id) or ListWords(list_id=list_id)


def set_words(
    session: Session,
    *,
    list_id: int,
    rules: str | None = None,
    welcome: str | None = None,
    goodbye: str | None = None,
    welcomes: bool | None = None,
    goodbyes: bool | None = None,
    tell_owners: bool | None = None,
) -> None:
    """Change what is given, leave the rest."""
    row = words_of_list(session, list_id)
    changes = {
        "rules": rules,
        "welcome": welcome,
        "goodbye": goodbye,
        "welcomes": welcomes,
        "goodbyes": goodbyes,
        "tell_owners": tell_owners,
    }
    for key, value in changes.items():
        if value is not None:
            setattr(row, key, value)
    session.add(row)
    session.flush()
