"""Links from the operators' words to mail and back, on real databases (spec/federation.md §2.2, §2.3, §4)."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from handlers.incoming import Verdict
from handlers.peer.code import read_code
from handlers.peer.control import Control, read_block, write_block
from handlers.peer.keys import PeerKey
from handlers.peer.rotation import is_rightful, read_rotation
from handlers.peer.safety_words import shown_and_asked
from handlers.route import Kind, candidates
from organic_mail import peering, rotating
from organic_mail.peer_keys import NEXT
from organic_mail.problem import Problem
from storage import peers
from tests.federation.village import Mail, Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    with village(tmp_path, sqlite_template) as made:
        yield made


@pytest.fixture
def oak(street: Village) -> Server:
    return street.server("oak")


@pytest.fixture
def pine(street: Village) -> Server:
    return street.server("pine")


def text_of(mail: Mail) -> str:
    body = message_from_bytes(mail.raw, policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def changed(mail: Mail, **values: str) -> bytes:
    """The mail with other values in its block, and a Message-ID of its own."""
    message = message_from_bytes(mail.raw, policy=policy.SMTP)
    control = read_block(message.get_content())
    fields = tuple((name, values.get(name.replace("-", "_"), value)) for name, value in control.fields)
    message.replace_header("Message-ID", f"<{abs(hash(tuple(values.items())))}@elsewhere.example>")
    message.set_content(write_block(Control(fields)), cte="quoted-printable")
    return message.as_bytes()


@pytest.mark.parametrize(
    ("local", "kind", "token"),
    [
        ("organic-peer", Kind.PEER, ""),
        ("Organic-Peer-7W2K5Q3M", Kind.PEER, "7w2k5q3m"),
        ("organic-peer+7w2k5q3m", Kind.PEER, "7w2k5q3m"),
        ("organic-peers", Kind.LIST, ""),
        ("organic-relay", Kind.OPERATOR, ""),
    ],
)
def test_addresses_of_servers(local: str, kind: Kind, token: str) -> None:
    route = candidates(f"{local}@oak.example", "oak.example")[0]
    assert (route.kind, route.token) == (kind, token)


def test_every_mail_of_the_handshake_is_for_people_too(street: Village, oak: Server, pine: Server) -> None:
    street.ask(oak, pine)
    carried = street.carry()
    street.approve(oak, pine)
    street.approve(pine, oak)
    carried += street.carry()
    kinds = ["peer-request", "peer-offer", "peer-reveal", "peer-approve", "peer-approve"]
    assert [read_block(text_of(mail)).type for mail in carried] == kinds
    for mail in carried:
        before = text_of(mail).partition("-----BEGIN")[0]
        assert "mail server of" in before or "operator of" in before
        assert message_from_bytes(mail.raw)["From"] == f"organic-peer@{mail.sender}"
    assert (oak.state("pine.example"), pine.state("oak.example")) == ("active", "active")


def test_operators_are_asked_by_mail(street: Village, oak: Server, pine: Server) -> None:
    street.ask(oak, pine)
    street.carry()
    asked = {mail.to: text_of(mail) for mail in street.people}
    assert asked.keys() == {"op@oak.people.example", "op@pine.people.example"}
    assert "organic-mail peer approve pine.example" in asked["op@oak.people.example"]


def test_f02_without_the_other_yes_it_expires(street: Village, oak: Server, pine: Server) -> None:
    street.ask(oak, pine)
    street.carry()
    street.approve(oak, pine)
    street.carry()
    assert (oak.state("pine.example"), pine.state("oak.example")) == ("approved-us", "approved-them")
    street.wait(days=15)
    for server in (oak, pine):
        server.write(lambda session, server=server: peering.give_up_handshakes(session, server.host, street.now))
    assert (oak.state("pine.example"), pine.state("oak.example")) == ("none", "none")
    assert "expired" in oak.log()[-1]
    with pytest.raises(Problem):
        street.approve(pine, oak)


def test_f03_a_code_is_used_once(street: Village, oak: Server, pine: Server) -> None:
    code = read_code(street.ask(oak, pine))
    street.carry()
    birch = street.server("birch")
    birch.write(lambda session: peering.begin(session, birch.host, "oak.example", code, street.now))
    assert [mail.sender for mail in street.carry()] == ["birch.example"]
    assert oak.state("birch.example") == "none"


def test_f04_a_code_ends_after_14_days(street: Village, oak: Server, pine: Server) -> None:
    code = oak.write(lambda session: peering.make_invite(session, oak.host, street.now))
    street.wait(days=14, minutes=1)
    pine.write(lambda session: peering.begin(session, pine.host, "oak.example", read_code(code), street.now))
    assert len(street.carry()) == 1
    assert oak.state("pine.example") == "none"
    assert "expired" in oak.log()[-1]


def test_f05_strangers_hear_nothing(street: Village, oak: Server, pine: Server) -> None:
    pine.write(lambda session: peering.begin(session, pine.host, "oak.example", None, street.now))
    assert len(street.carry()) == 1
    assert oak.state("pine.example") == "none"
    assert street.people == []


def test_f06_a_request_that_another_domain_sent(street: Village, oak: Server, pine: Server) -> None:
    street.ask(oak, pine)
    (request,) = pine.mails()
    for raw, verdict in (
        (request.raw, Verdict.UNVERIFIED),
        (request.raw, Verdict.REFUSED),
        (request.raw.replace(b"From: organic-peer@pine.example", b"From: organic-peer@elm.example"), Verdict.ALIGNED),
    ):
        assert oak.take(raw, request.to, verdict=verdict).reply.code == 550
    assert oak.take(request.raw, request.to, verdict=Verdict.UNCERTAIN).reply.code == 451
    assert oak.state("pine.example") == "none"
    assert oak.mails() == []


def test_f09_by_words(street: Village, pine: Server) -> None:
    elm = street.server("elm", may_ask=True)
    pine.write(lambda session: peering.begin(session, pine.host, "elm.example", None, street.now))
    street.carry()
    assert elm.state("pine.example") == "requested"
    street.approve(elm, pine)
    street.carry()
    for server, peer in ((elm, pine), (pine, elm)):
        link = server.read(lambda session, peer=peer: peering.link_at(session, peer.domain))
        assert link is not None
        assert link.transcript is not None
        _, asked = shown_and_asked(link.transcript, ours=server.domain, theirs=peer.domain)
        street.approve(server, peer, ("abandon",) * 4)
        assert server.state(peer.domain) in ("revealed", "approved-them")
        street.approve(server, peer, asked)
        street.carry()
    assert (elm.state("pine.example"), pine.state("elm.example")) == ("active", "active")


def test_f10_the_sixth_that_asks_in_a_day(street: Village) -> None:
    elm = street.server("elm", may_ask=True)
    others = [street.server(f"tree{number}") for number in range(6)]
    for other in others:
        other.write(lambda session, other=other: peering.begin(session, other.host, "elm.example", None, street.now))
        street.carry()
    assert [elm.state(other.domain) for other in others] == ["requested"] * 5 + ["none"]
    assert "too many" in elm.log()[-1]


def test_a_link_takes_only_mail_that_its_key_signed(street: Village, oak: Server, pine: Server) -> None:
    """F13 and F14 for control mails."""
    street.befriend(oak, pine)
    street.found(oak)
    oak.invite(pine)
    (asked,) = [mail for mail in oak.mails() if mail.domain == "pine.example"]
    unsigned = b"".join(line for line in asked.raw.splitlines(True) if not line.startswith(b"Organic-"))
    for raw in (unsigned, changed(asked, to="birch.example"), asked.raw.replace(b"to=pine", b"to=elm.")):
        assert pine.take(raw, asked.to).reply.code == 250
        assert pine.log()[-1].startswith("A mail of another server")
    assert pine.mails() == []
    assert pine.take(asked.raw, asked.to, verdict=Verdict.UNVERIFIED).reply.code == 250
    assert "into the space plum" in pine.log()[-1]


def test_f12_three_mails_without_dkim_are_told(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.people.clear()
    street.found(oak)
    for number in range(3):
        oak.invite(pine, f"list{number}")
        for mail in oak.mails():
            pine.take(mail.raw, mail.to, verdict=Verdict.UNVERIFIED)
    letters = [text_of(mail) for mail in pine.mails()]
    assert sum("DKIM" in letter for letter in letters) == 1


def test_f77_sever(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.found(oak)
    oak.invite(pine)
    token = oak.read(lambda session: peers.peer_at(session, "pine.example")).our_mailbox
    assert oak.is_there(f"organic-peer-{token}@oak.example")
    assert oak.is_there(f"organic-peer+{token}@oak.example")
    oak.write(lambda session: peering.sever(session, oak.host, "pine.example", "We moved.", street.now))
    assert not oak.is_there(f"organic-peer-{token}@oak.example")
    assert len(street.carry()) == 1  # the notice; the invitation that waited is gone
    assert (oak.state("pine.example"), pine.state("oak.example")) == ("severed", "severed")
    assert "We moved." in pine.log()[-1]
    street.befriend(oak, pine)


def test_suspended_is_silent_and_can_go_on(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.found(oak)
    pine.write(lambda session: peering.suspend(session, "oak.example", street.now))
    oak.invite(pine)
    street.carry()
    assert "is suspended" in pine.log()[-1]
    street.approve(pine, oak)
    assert pine.state("oak.example") == "active"


def rotate(server: Server, street: Village, *, since: object = None) -> None:
    keys = server.home / "keys"
    rotating.rotate(server.database, server.host, keys, following=keys / NEXT, compromised_since=since, now=street.now)


def test_f20_a_promised_key_holds_at_once(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.found(oak, pine)
    before = oak.roster().entries[0].key
    rotate(oak, street)
    street.carry()
    assert oak.roster().serial == pine.roster().serial == 3
    assert pine.roster().entries[0].key != before
    new, old = pine.read(lambda session: peers.peer_keys(session, "oak.example"))
    assert (old.key, new.key) == (before, pine.roster().entries[0].key)
    assert old.valid_until is not None
    assert (old.valid_until - street.now).days == 14
    rotate(pine, street)
    street.carry()
    assert oak.roster() == pine.roster()
    assert oak.roster().serial == 4
    birch = street.server("birch")
    street.befriend(oak, birch)
    street.join(oak, birch)
    assert birch.active() == ["oak.example", "pine.example", "birch.example"]


def test_f19_a_key_that_was_not_promised(street: Village, oak: Server, pine: Server) -> None:
    """The thief has the key in use, and makes one of his own."""
    street.befriend(oak, pine)
    street.people.clear()
    rotate(oak, street)
    (told,) = [mail for mail in oak.mails() if mail.domain == "pine.example"]
    (pine_knows,) = pine.read(lambda session: peers.peer_keys(session, "oak.example"))
    pine.write(
        lambda session: peers.pin_key(
            session, domain="oak.example", key=pine_knows.key, following="A" * 43 + "=", now=street.now
        )
    )
    pine.take(told.raw, told.to)
    (still,) = pine.read(lambda session: peers.peer_keys(session, "oak.example"))
    assert still.key == pine_knows.key
    assert any("stolen" in text_of(mail) for mail in pine.mails())


def test_f19_a_rotation_that_lacks_a_signature(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    rotate(oak, street)
    (told,) = [mail for mail in oak.mails() if mail.domain == "pine.example"]
    control = read_block(text_of(told))
    (known,) = pine.read(lambda session: peers.peer_keys(session, "oak.example"))
    rotation = read_rotation(control)
    assert is_rightful(control, rotation, key=known.key, promised=known.next)
    assert not is_rightful(control.without("s.new"), rotation, key=known.key, promised=known.next)
    assert not is_rightful(control, rotation, key=PeerKey(bytes(32)).public, promised=known.next)
    assert not is_rightful(control, rotation, key=known.key, promised="A" * 43 + "=")


def test_a_rotation_needs_the_right_file(street: Village, oak: Server, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_text("00" * 32 + "\n")
    with pytest.raises(Problem, match="not the key"):
        rotating.rotate(
            oak.database, oak.host, oak.home / "keys", following=wrong, compromised_since=None, now=street.now
        )
