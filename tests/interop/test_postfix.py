"""A real Postfix in front of us, over SMTP and over LMTP, and behind us as the smarthost."""

from __future__ import annotations

import smtplib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dkim_signing import key_record, rsa_key, signed
from tests.dns_server import DnsServer
from tests.interop.opendkim import milter, verdicts
from tests.interop.postfix import Postfix, running_postfix
from tests.ports import free_port
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import SETTINGS, Daemon, daemon, until

__all__ = ["empty_home", "om"]

PEOPLE = ("Anna Lindqvist <anna@home.example>", "Olu Okafor <olu@home.example>")
HOMES = ("home.example", "example.org")


@dataclass(frozen=True)
class Door:
    """Where we take mail: as smtp.listen says it, and as Postfix does."""

    listen: str
    transport: str


@pytest.fixture
def family(om: Operator) -> Operator:
    """Anna owns family; Olu is on it too. Nothing was written to them yet."""
    om("list", "create", "family")
    om("member", "add", "family", PEOPLE[0], "--confirmed", "--quiet", "--role", "owner")
    om("member", "add", "family", PEOPLE[1], "--confirmed", "--quiet")
    return om


def published(om: Operator) -> dict[str, str]:
    return {each["name"]: each["value"] for each in om("dns", "show", "--json").json if "DKIM1" in each["value"]}


def as_sent(letter: bytes) -> bytes:
    """Without what the last server put on top, and with the line ends of the wire."""
    _, _, rest = letter.partition(b"\nDKIM-Signature:")
    return b"DKIM-Signature:" + rest.replace(b"\n", b"\r\n")


def recipients(postfix: Postfix, count: int) -> list[str]:
    return sorted(letter.partition(b"Delivered-To: ")[2].split(b"\n")[0].decode() for letter in postfix.letters(count))


class TestBehind:
    """As the smarthost."""

    @pytest.fixture
    def postfix(self) -> Iterator[Postfix]:
        with running_postfix(domains=HOMES) as running:
            yield running

    @pytest.fixture
    def serving(self, family: Operator, postfix: Postfix) -> Iterator[Daemon]:
        settings = SETTINGS.replace(
            'transport = "maildir"\nmaildir = "mail"', f'smarthost = "smtp://127.0.0.1:{postfix.port}"'
        )
        with daemon(family.home, settings=settings) as running:
            yield running

    @pytest.mark.parametrize(
        "text",
        ["Hello everyone.\r\n", "Grüße\r\n.\r\n..two dots\r\n", "no line end", "x" * 990 + "\r\n", "\r\n\r\n \r\n"],
        ids=["plain", "eight-bit", "no-line-end", "long-line", "blank"],
    )
    def test_copies_arrive_as_they_were_signed(
        self, text: str, family: Operator, postfix: Postfix, serving: Daemon, tmp_path: Path
    ) -> None:
        raw = mail(text, MIME_Version="1.0", Content_Type="text/plain; charset=utf-8", Content_Transfer_Encoding="8bit")
        assert serving.send(raw) == 250
        assert recipients(postfix, 2) == ["anna@home.example", "olu@home.example"]
        letters = [as_sent(letter) for letter in postfix.letters(2)]
        assert verdicts(tmp_path, published(family), letters) == ["pass", "pass"]

    def test_what_we_write_ourselves_and_pass_on_verifies(
        self, family: Operator, postfix: Postfix, serving: Daemon, tmp_path: Path
    ) -> None:
        family("list", "create", "garden")
        family("member", "add", "garden", "Rose <rose@home.example>")  # an invitation
        family("member", "add", "family", "Tom <tom@home.example>", "--confirmed")  # a welcome
        assert serving.send(mail(message_id="<2@home.example>"), to="postmaster@oak.example") == 250
        assert serving.send(mail(message_id="<3@home.example>"), to="family-owner@oak.example") == 250
        assert serving.send(mail(message_id="<4@home.example>"), to="family-help@oak.example") == 250
        assert recipients(postfix, 6) == [
            "anna@home.example",  # as the owner
            "anna@home.example",  # that a person reads what she wrote to -help@
            "anna@home.example",  # and that she is this person
            "olu@example.org",
            "rose@home.example",
            "tom@home.example",
        ]
        letters = [as_sent(letter) for letter in postfix.letters(6)]
        assert verdicts(tmp_path, published(family), letters) == ["pass"] * 6


class TestInFront:
    @pytest.fixture(params=["smtp", "lmtp"])
    def door(self, request: pytest.FixtureRequest) -> Iterator[Door]:
        if request.param == "smtp":
            port = free_port()
            yield Door(f"127.0.0.1:{port}", f"smtp:[127.0.0.1]:{port}")
            return
        with tempfile.TemporaryDirectory(prefix="om-lmtp-") as folder:  # not in ours, which is closed to Postfix
            Path(folder).chmod(0o755)
            yield Door(f"lmtp:{folder}/door", f"lmtp:unix:{folder}/door")

    @pytest.fixture
    def postfix(self, door: Door, tmp_path: Path) -> Iterator[Postfix]:
        """Takes mail for oak.example from outside, checks its signatures, and hands it to us."""
        keys = {"s1._domainkey.home.example": key_record(rsa_key())}
        with milter(tmp_path, keys, "mx.oak.example") as checking:
            options = {
                "relay_domains": "oak.example",
                "transport_maps": f"inline:{{ {{ oak.example = {door.transport} }} }}",
                "smtpd_milters": checking,
                "mynetworks": "",
                "smtpd_relay_restrictions": "reject_unauth_destination",
            }
            with running_postfix(domains=HOMES, options=options) as running:
                yield running

    @pytest.fixture
    def serving(self, family: Operator, door: Door, dns_server: DnsServer) -> Iterator[Daemon]:
        dns_server.put("_dmarc.home.example", TXT=["v=DMARC1; p=reject"])
        settings = (
            SETTINGS.replace("127.0.0.1:0", door.listen)
            .replace(
                'authentication = "off"',
                'trusted_relays = ["127.0.0.1/32"]\ntrusted_authserv_id = "mx.oak.example"',
            )
            .replace("[delivery]", f'[dns]\nnameservers = ["{dns_server.nameserver}"]\n\n[delivery]')
        )
        with daemon(family.home, settings=settings) as running:
            yield running

    def hand_in(self, postfix: Postfix, raw: bytes, *to: str) -> None:
        # OpenDKIM checks nothing that comes from 127.0.0.1 itself
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30, source_address=("127.0.0.5", 0)) as client:
            client.sendmail("anna@home.example", to or ["family@oak.example"], raw)

    def test_what_it_found_out_is_believed(self, family: Operator, postfix: Postfix, serving: Daemon) -> None:
        """Its word alone: DNS has no key of home.example."""
        self.hand_in(postfix, signed(mail(), rsa_key(), "home.example"))
        copies = until(lambda: found if len(found := serving.copies()) == 2 else None)
        assert [recipient for recipient, _ in copies] == ["anna@home.example", "olu@home.example"]
        assert not any(b"Authentication-Results" in raw for _, raw in copies)

    def test_a_forger_is_refused_and_told_by_postfix(self, family: Operator, postfix: Postfix, serving: Daemon) -> None:
        forged = b"Authentication-Results: mx.oak.example; dkim=pass header.d=home.example\r\n" + mail()
        self.hand_in(postfix, forged)
        (told,) = postfix.letters(1)
        assert b"5.7.26" in told
        assert serving.copies() == []
        assert family("thread", "ls", "family", "--json").json == []

    def test_an_unknown_address_is_refused_and_the_other_one_posted(
        self, family: Operator, postfix: Postfix, serving: Daemon
    ) -> None:
        raw = signed(mail(), rsa_key(), "home.example")
        self.hand_in(postfix, raw, "nobody@oak.example", "family@oak.example")
        until(lambda: len(serving.copies()) == 2)
        (told,) = postfix.letters(1)
        assert b"5.1.1" in told
        assert b"nobody@oak.example" in told
        assert b"Final-Recipient: rfc822; family@" not in told
