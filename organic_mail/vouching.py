"""Who vouches for somebody who wants to join: the members whom she names are asked, beside those who run the list."""

from __future__ import annotations

import re

from sqlmodel import Session

from handlers.facts import id_of
from organic_mail.lookup import Recipient
from storage import members, questions
from storage.models import Joining, MailingList, Status
from storage.models_questions import Question

MOST_NAMED = 3
_HERE = (Status.ACTIVE, Status.PAUSED)
_WORD = re.compile(r"[^\W\d_]+")


def ask_named_members(session: Session, mailing_list: MailingList, applicant: Question, text: str, token: str) -> None:
    """They may answer the question `token` too. applicant: whom it is about; text: what she wrote with her yes."""
    if mailing_list.joining is not Joining.VOUCHED or applicant.key == "":
        return
    for member_id in _named(session, mailing_list, text):
        questions.ask_member_too(session, token=token, member_id=member_id)


def asked_too(session: Session, token: str) -> list[Recipient]:
    found = [members.member_by_id(session, member_id) for member_id in questions.asked_members(session, token)]
    return [
        Recipient(member.name, members.primary_address(session, id_of(member)), member.language)
        for member in found
        if member
    ]


def _named(session: Session, mailing_list: MailingList, text: str) -> list[int]:
    """Whose whole name stands in the text, or whose first name, when nobody else has the same one."""
    said = set(_WORD.findall(text.casefold()))
    whole: list[int] = []
    first: dict[str, list[int]] = {}
    for person in members.people_of(session, id_of(mailing_list), statuses=_HERE):
        names = _WORD.findall(person.member.name.casefold())
        if names and set(names) <= said and len(names) > 1:
            whole.append(id_of(person.member))
        elif names and names[0] in said:
            first.setdefault(names[0], []).append(id_of(person.member))
    alone = [ids[0] for ids in first.values() if len(ids) == 1]
    return [*whole, *alone][:MOST_NAMED]
