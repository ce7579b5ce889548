"""A whole list from one ordinary mailbox: a real Dovecot, a real Postfix with submission, and `serve` between them."""

from __future__ import annotations

import json
import re
import shutil
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from storage.mailboxes import takes_plus
from tests.interop.dovecot import SECRET, Dovecot, dovecot, unprivileged_account
from tests.interop.postfix import Postfix, running_postfix
from tests.wire.command_line import Operator
from tests.wire.daemons import PATIENCE, daemon, until
from tests.wire.sink import Sink

BOX = "box@provider.example"
PEOPLE = ("anna", "ben", "cleo", "dan", "eva", "olu", "rose")
SETTINGS = """\
[community]
domain = "family.invalid"
name = "The Okafors"
operator = "olu@home.example"

[smtp]
listen = []
authentication = "off"

[delivery]
transport = "mailbox"
smarthost = "submission://box%40provider.example@127.0.0.1:{submission}"

[mailbox]
imap = "{imap}"
password_file = "secret"
daily_budget = {budget}
"""


@dataclass
class Provider:
    """The provider of the mailbox, and of everybody else: NAME@home.example is whoever is written to."""

    dovecot: Dovecot
    postfix: Postfix

    def write(self, author: str, to: str, text: str = "Hello.\r\n", **more: str) -> None:
        """Somebody's mail; `more`: other fields, with _ for - in their names."""
        letter = EmailMessage(policy=policy.SMTP)
        letter["From"], letter["To"] = author, to
        for name, value in {
            "Subject": "News",
            "Message-ID": f"<{len(text)}.{hash(text)}@home.example>",
            **more,
        }.items():
            letter[name.replace("_", "-")] = value
        letter.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=PATIENCE) as client:
            client.sendmail(letter["From"].addresses[0].addr_spec, [letter["To"].addresses[0].addr_spec], bytes(letter))

    def letters(self, name: str, count: int = 1) -> list[Any]:
        """What came to NAME@home.example, once there are so many."""
        folder = self.dovecot.folder / "mail" / "people" / name / "new"
        files = until(lambda: found if len(found := sorted(folder.glob("*"))) >= count else None)
        read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        assert len(read) == count, [letter["Subject"] for letter in read]
        return read


@pytest.fixture
def plus(request: pytest.FixtureRequest) -> bool:
    """Does the provider take mail for box+anything@? Tests of `both` are run with and without."""
    return bool(getattr(request, "param", True))


both = pytest.mark.parametrize("plus", [True, False], ids=["with plus", "without plus"], indirect=True)


@pytest.fixture
def provider(plus: bool) -> Iterator[Provider]:
    nobody = Sink(answer=lambda step, _: "550 5.1.1 nobody has this address" if step == "RCPT" else None)
    with dovecot() as server, nobody.listening() as elsewhere:
        maps, routes = server.folder / "maps", server.folder / "routes"
        extension = r"(\+.*)?" if plus else ""
        lines = [f"/^box{extension}@provider\\.example$/ box/"]
        lines += [f"/^{name}@home\\.example$/ people/{name}/" for name in PEOPLE]
        maps.write_text("\n".join(lines) + "\n")
        routes.write_text(f"/@gone\\.example$/ smtp:[127.0.0.1]:{elsewhere.port}\n")
        owner = unprivileged_account()
        options = {
            "virtual_mailbox_base": str(server.folder / "mail"),
            "virtual_mailbox_maps": f"regexp:{maps}",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "transport_maps": f"regexp:{routes}",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": str(server.folder / "certificate.pem"),
            "smtpd_tls_key_file": str(server.folder / "key.pem"),
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{server.auth_port}",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
            "smtpd_sender_login_maps": "inline:{box@provider.example=box}",
            "smtpd_sender_restrictions": "reject_sender_login_mismatch",
        }
        with running_postfix(domains=("provider.example", "home.example"), options=options) as postfix:
            yield Provider(server, postfix)


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mailbox") / "home"
    om = Operator(home)
    assert om("init", "family.invalid").code == 0
    (home / "secret").write_text(SECRET)
    (home / "secret").chmod(0o600)
    return home


@pytest.fixture
def om(new_home: Path, tmp_path: Path, provider: Provider) -> Operator:
    shutil.copytree(new_home, tmp_path / "home")
    om = Operator(tmp_path / "home")
    settle(om, provider)
    assert om("list", "create", "family", "--title", "The Okafor family").code == 0
    return om


def settle(om: Operator, provider: Provider, budget: int = 400) -> str:
    text = SETTINGS.format(submission=provider.postfix.port, imap=provider.dovecot.url, budget=budget)
    (om.home / "organic-mail.toml").write_text(text)
    return text


def people(om: Operator, *names: str) -> None:
    for name in names:
        role = "owner" if name == "Anna" else "member"
        address = f"{name} <{name.lower()}@home.example>"
        assert om("member", "add", "family", address, "--confirmed", "--quiet", "--role", role).code == 0


def running(om: Operator) -> Any:
    return daemon(om.home, settings=(om.home / "organic-mail.toml").read_text())


def knows_plus(om: Operator) -> bool:
    with om.opened() as opened:
        return bool(opened.database.read(lambda session: takes_plus(session, BOX)))


def reply_to(letter: Any) -> str:
    return str((letter["Reply-To"] or letter["From"]).addresses[0].addr_spec)


@both
def test_a_conversation(om: Operator, provider: Provider, plus: bool) -> None:
    people(om, "Anna", "Rose")
    with running(om) as serving:
        assert serving.ready == f"ready imap=127.0.0.1:{provider.dovecot.port}\n"
        if plus:
            until(lambda: knows_plus(om))
        provider.write("Anna <anna@home.example>", BOX, "The lake is frozen.\r\n", Subject="Ice")
        (copy,) = provider.letters("rose")
        provider.letters("anna")
        provider.write(
            "Rose <rose@home.example>", reply_to(copy), "Lovely!\r\n", Subject="Re: Ice",
            In_Reply_To=copy["Message-ID"], References=f"{copy['References']} {copy['Message-ID']}",
        )  # fmt: skip
        answer = next(letter for letter in provider.letters("anna", 2) if letter["Subject"] == "Re: Ice")
        until(lambda: not provider.dovecot.mails())
        assert serving.end() == 0
    assert str(copy["From"]) == '"Anna (Family)" <box@provider.example>'
    assert copy["Return-Path"] == "<box@provider.example>"
    assert reply_to(copy) == ("box+family@provider.example" if plus else BOX)
    assert "DKIM-Signature" not in copy
    assert copy["List-Id"].endswith("<family.family.invalid>")
    assert "The lake is frozen." in copy.get_content()
    assert "anna@home.example" not in copy.as_string()
    assert str(answer["From"]) == '"Rose (Family)" <box@provider.example>'
    assert om("list", "show", "family", "--json").json["address"] == reply_to(copy)
    assert om("dns", "show", "--json").json == []
    (thread,) = om("thread", "ls", "family", "--json").json
    assert thread["posts"] == 2


@both
def test_joining_leaving_and_coming_back(om: Operator, provider: Provider, plus: bool) -> None:
    people(om, "Anna")
    with running(om):
        if plus:
            until(lambda: knows_plus(om))
        assert om("member", "add", "family", "Rose <rose@home.example>").code == 0
        (invitation,) = provider.letters("rose")
        answer(provider, invitation, "Yes, gladly!\r\n")
        welcome = provider.letters("rose", 2)
        assert any("Welcome" in letter["Subject"] for letter in welcome)
        provider.write("Anna <anna@home.example>", BOX, "The lake is frozen.\r\n", Subject="Ice")
        copy = next(letter for letter in provider.letters("rose", 3) if letter["Subject"] == "Ice")
        stop = urlsplit(re.findall("<(mailto:[^>]*)>", copy["List-Unsubscribe"])[0])
        subject = parse_qs(stop.query).get("subject", [""])[0]
        provider.write("Rose <rose@home.example>", unquote(stop.path), "\r\n", Subject=subject)
        goodbye = next(letter for letter in provider.letters("rose", 4) if "left" in letter["Subject"])
        assert status_of_rose(om) == "left"
        answer(provider, goodbye, "It was a mistake.\r\n")
        until(lambda: status_of_rose(om) == "active")


def answer(provider: Provider, letter: Any, text: str) -> None:
    provider.write(
        "Rose <rose@home.example>", reply_to(letter), text, Subject=f"Re: {letter['Subject']}",
        In_Reply_To=letter["Message-ID"], References=letter["Message-ID"],
    )  # fmt: skip


def status_of_rose(om: Operator) -> str:
    lists = om("member", "show", "rose@home.example", "--json").json["lists"]
    return str(lists[0]["status"]) if lists else "left"


@both
def test_a_mail_that_comes_back_is_counted(om: Operator, provider: Provider) -> None:
    people(om, "Anna")
    assert om("member", "add", "family", "Gina <gina@gone.example>", "--confirmed", "--quiet").code == 0
    with running(om):
        provider.write("Anna <anna@home.example>", BOX, "Hello Gina.\r\n")
        provider.letters("anna")
        until(lambda: bounces(om, "gina@gone.example"))
        until(lambda: not provider.dovecot.mails())
    assert bounces(om, "anna@home.example") == 0


def bounces(om: Operator, address: str) -> float:
    return float(om("member", "show", address, "--json").json["bounces"])


def test_no_more_than_the_budget_goes_out_in_a_day(om: Operator, provider: Provider) -> None:
    settle(om, provider, budget=3)
    people(om, "Anna", "Ben", "Cleo", "Dan", "Eva")
    with running(om):
        provider.write("Anna <anna@home.example>", BOX, "Hello everyone.\r\n")
        for name in ("anna", "ben", "cleo"):
            provider.letters(name)
        rows = until(lambda: put_off(om))
    assert {row["recipient"] for row in rows} == {"dan@home.example", "eva@home.example"}
    assert all("at most 3 mails a day" in row["last_reply"] for row in rows)
    assert findings(om)["budget"]["finding"] == "3 of 3 mails went out in the last 24 hours"


def put_off(om: Operator) -> list[Any]:
    """What of the list waits, once nothing of it is on its way."""
    rows = [row for row in om("queue", "ls", "--json").json if row["list"] == "family"]
    return rows if all(row["state"] == "deferred" for row in rows) else []


def test_a_daemon_that_is_killed_reads_nothing_twice(om: Operator, provider: Provider) -> None:
    people(om, "Anna", "Rose")
    for number in range(3):
        with running(om) as serving:
            for letter in range(4):
                provider.write("Anna <anna@home.example>", BOX, f"Round {number}, letter {letter}.\r\n")
            until(lambda so_far=number: posts(om) > 4 * so_far)
            serving.process.kill()
    with running(om):
        until(lambda: posts(om) == 12)
        until(lambda: not provider.dovecot.mails())
    assert posts(om) == 12


def posts(om: Operator) -> int:
    return sum(thread["posts"] for thread in om("thread", "ls", "family", "--json").json)


def findings(om: Operator) -> dict[str, Any]:
    return {finding["check"]: finding for finding in json.loads(om("doctor", "--json").raw)}


def test_doctor_looks_into_the_mailbox(om: Operator, provider: Provider) -> None:
    found = findings(om)
    assert found["mailbox"]["level"] == "ok"
    assert 'what was taken goes to "Organic Mail", which will be made' in found["mailbox"]["finding"]
    assert found["spam folder"]["finding"] == '"Junk" is looked into, too'
    assert found["next hop"]["level"] == "ok"
    assert "mx" not in found
    (om.home / "secret").write_text("another")
    found = findings(om)
    assert (found["mailbox"]["level"], found["next hop"]["level"]) == ("fatal", "fatal")
    assert "mailbox.password_file" in found["mailbox"]["cure"]


def test_a_provider_that_is_away_is_waited_for(om: Operator, provider: Provider) -> None:
    people(om, "Anna")
    provider.dovecot.stop()
    with running(om) as serving:
        provider.dovecot.start()
        provider.write("Anna <anna@home.example>", BOX, "Hello.\r\n")
        provider.letters("anna")
        assert serving.end() == 0
