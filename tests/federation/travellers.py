"""People of a village who write to its space plum, and what reaches whom."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Any

from handlers.address import address_key
from handlers.outcome import Outcome
from handlers.own_data_page import own_data_page
from organic_mail.lettering import LetterWriter
from organic_mail.own_data import known_of
from organic_mail.relaying import send_due
from organic_mail.travelling import depart_due, send_letters
from storage import departures, members, posts
from storage.letters import reader_of
from storage.models import Post
from storage.models_travel import Departure
from tests.federation.village import Mail, Server, Village

_NUMBERS = count(1)


def person(server: Server, name: str = "ana") -> str:
    return f"{name}@{server.domain.partition('.')[0]}.people.example"


def plum(server: Server, name: str = "all") -> str:
    """Where the list writes to the space."""
    return f"{name}-plum@{server.domain}"


def write(
    server: Server,
    subject: str,
    text: str = "Hello!",
    *,
    to: str = "",
    header_to: str = "",
    photo: bytes = b"",
    **fields: str,
) -> EmailMessage:
    """Ana of this server does, at its own daemon. `to`: the recipient; `header_to`: all that stands in To."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = f"Ana <{person(server)}>", subject
    mail["To"] = header_to or to or plum(server)
    mail["Date"] = server.now
    mail["Message-ID"] = f"<{next(_NUMBERS)}@people.example>"
    for name, value in fields.items():
        mail.replace_header(name, value) if name in mail else mail.add_header(name.replace("_", "-"), value)
    mail.set_content(text)
    if photo:
        mail.add_attachment(photo, "image", "jpeg", filename="apples.jpg")
    taken(server, mail, to or plum(server))
    return mail


def taken(server: Server, mail: EmailMessage, to: str) -> Outcome:
    outcome = server.take(mail.as_bytes(policy=policy.SMTP), to)
    assert outcome.accepted, outcome.reply.text
    return outcome


def carry(village: Village) -> list[Mail]:
    """Until nothing is on its way any more: posts leave, and servers account for what came. Returns their mails."""
    carried = []
    for _ in range(3):
        for server in village.servers.values():
            depart_due(server.database, server.host, village.now)
            send_letters(server.database, server.host, village.now)
            send_due(server.database, server.host, village.now)
        carried += village.carry()
        village.wait(minutes=1)
    return carried


def in_one_space(village: Village, *names: str) -> Village:
    """These servers, a chain of links, in the space plum; nothing is on its way any more."""
    servers = [village.server(name) for name in names]
    village.befriend(*servers)
    village.found(*servers)
    village.wait(hours=1)
    carry(village)
    village.people.clear()
    return village


def got(village: Village, address: str, subject: str) -> list[EmailMessage]:
    """As the archive has them, from which copies are made."""
    mails = [message_from_bytes(mail.raw, policy=policy.default) for mail in village.people if mail.to == address]
    return [mail for mail in mails if isinstance(mail, EmailMessage) and mail["Subject"] == subject]


def everywhere(village: Village, subject: str) -> list[int]:
    """How many copies Ana of each server has got."""
    return [len(got(village, person(server), subject)) for server in village.servers.values()]


def tell(server: Server, *, name: str = "ana", **values: Any) -> None:
    """What `member set` does."""

    def put(session: Any) -> None:
        found = members.member_of_address(session, address_key(person(server, name)))
        assert found is not None
        for key, value in values.items():
            setattr(found, key, value)
        session.add(found)

    server.write(put)


def in_her_letter(server: Server) -> list[str]:
    """Subjects of what Ana of this server has not read, as a letter would have them."""
    mailing_list = server.read(lambda session: server.mailing_list(session, "all"))
    reader = server.read(lambda session: reader_of(session, membership_id=1))
    assert reader is not None
    found = LetterWriter(server.database, server.host, mailing_list, server.now).news_for(reader)
    return sorted(voice.subject for voice in found.posts)


def data_of(server: Server) -> str:
    """What she reads when she asks for her data."""

    def look(session: Any) -> str:
        ana = members.member_by_id(session, 1)
        assert ana is not None
        return own_data_page(known_of(session, server.host, ana), "en")

    return server.read(look)


def post_of(server: Server, subject: str, *, newest: bool = False) -> Post:
    """The oldest of this subject, or the newest."""
    return server.read(lambda session: _posts(session, subject)[-1 if newest else 0])


def is_removed(server: Server, post: Post) -> bool:
    found = server.read(lambda session: posts.post_by_id(session, post.id or 0))
    return found is None or found.removed_at is not None


def departure_of(server: Server, subject: str) -> Departure:
    def look(session: Any) -> Departure:
        found = departures.departure_of(session, _posts(session, subject)[0].id or 0)
        assert found is not None
        return found

    return server.read(look)


def _posts(session: Any, subject: str) -> list[Post]:
    found = (posts.post_by_id(session, number) for number in range(1, 60))
    return [post for post in found if post is not None and post.subject == subject]
