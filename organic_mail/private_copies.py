"""From a private mail to its one copy, unsigned: what storage knows of the two people and of their conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.left_out import unpacked_left_out
from handlers.mentioned import mentioned_addresses
from handlers.message import Message
from handlers.post import shown_ids
from handlers.private_copy import Alias, PrivateCopyFacts
from handlers.token import private_reference
from organic_mail.answered import hiding_keys
from storage.members import aliases_for
from storage.models import Member
from storage.private_mail import PrivateSource, own_message_ids

_NO_THREAD = 0


def private_copy_facts(session: Session, source: PrivateSource, message: Message, host: Host) -> PrivateCopyFacts:
    """`message`: as it is to go out."""
    mail, reader = source.mail, source.reader
    hiding = hiding_keys(session, message)
    parents = shown_ids(message.in_reply_to, host, hiding)
    references = shown_ids(message.references, host, hiding)
    hers = own_message_ids(session, writer_id=id_of(reader), message_ids={*parents, *references})
    aliases = aliases_for(session, mentioned_addresses(message))
    return PrivateCopyFacts(
        domain=host.domain,
        list_name=source.mailing_list.name,
        writer=_alias(source.writer),
        reader=_alias(reader),
        language=reader.language,
        private_reference=private_reference(
            host.secrets, member_id=id_of(reader), thread_id=_NO_THREAD, domain=host.domain
        ),
        message_id=mail.message_id,
        in_reply_to=_as_she_knows_them(parents, hers),
        references=_as_she_knows_them(references, hers),
        written_at=mail.created_at,
        aliases={key: f"{alias}@{host.domain}" for key, alias in aliases.items()},
        left_out=unpacked_left_out(source.cleaned.left_out) if source.cleaned else (),
    )


def _alias(member: Member) -> Alias:
    return Alias(member.name, member.alias)


def _as_she_knows_them(message_ids: Iterable[str], hers: Mapping[str, str]) -> tuple[str, ...]:
    """Her own mail has its own Message-ID in her mailbox, also where the other one got a minted one."""
    return tuple(hers.get(each, each) for each in message_ids)
