"""From a private mail to its one copy, unsigned: what storage knows of the two people and of their conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.mentioned import mentioned_addresses
from handlers.message import Message
from handlers.post import shown_ids
from handlers.private_copy import Alias, PrivateFacts
from handlers.token import private_reference
from organic_mail.answered import hiding_keys
from storage.lists import list_by_id
from storage.members import aliases_for, member_by_id
from storage.models import Member
from storage.private_mail import own_message_ids, private_by_id

_NO_THREAD = 0


def private_copy_facts(session: Session, host: Host, private_id: int, message: Message) -> PrivateFacts:
    """Raises LookupError when the mail, or one of the two, is no more."""
    mail = private_by_id(session, private_id)
    writer = member_by_id(session, mail.writer_id) if mail else None
    reader = member_by_id(session, mail.reader_id) if mail else None
    mailing_list = list_by_id(session, mail.list_id) if mail else None
    if mail is None or writer is None or reader is None or mailing_list is None:
        raise LookupError(f"no private mail {private_id}")
    hiding = hiding_keys(session, message)
    parents = shown_ids(message.in_reply_to, host, hiding)
    references = shown_ids(message.references, host, hiding)
    hers = own_message_ids(session, writer_id=id_of(reader), message_ids={*parents, *references})
    return PrivateFacts(
        domain=host.domain,
        list_name=mailing_list.name,
        writer=_alias(writer),
        reader=_alias(reader),
        language=reader.language,
        private_reference=private_reference(
            host.secrets, member_id=id_of(reader), thread_id=_NO_THREAD, domain=host.domain
        ),
        message_id=mail.message_id,
        in_reply_to=_as_she_knows_them(parents, hers),
        references=_as_she_knows_them(references, hers),
        written_at=mail.created_at,
        aliases={
            key: f"{alias}@{host.domain}" for key, alias in aliases_for(session, mentioned_addresses(message)).items()
        },
    )


def _alias(member: Member) -> Alias:
    return Alias(member.name, member.alias)


def _as_she_knows_them(message_ids: Iterable[str], hers: Mapping[str, str]) -> tuple[str, ...]:
    """Her own mail has its own Message-ID in her mailbox, also where the other one got a minted one."""
    return tuple(hers.get(each, each) for each in message_ids)
