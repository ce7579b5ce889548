"""Joining by mail, and nobody is bombed with our letters (behaviours 62 to 71, spec/mail.md §2.5, §5.2 R17)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.incoming import Envelope, Verdict
from handlers.token import address_marks
from organic_mail.joining_limit import JoiningLimit
from storage import bounces, lists
from storage.models import DeliveryMode, Joining, Role
from tests.dns_server import DnsServer
from tests.wire.community import NOW, Community, believed, community, mail
from tests.wire.grandma import OK, Letter, PostOffice, post_office

ROSE, ANNA, SVEN, OLU = "rose@home.example", "anna@home.example", "sven@elm.example", "olu@example.org"
JOIN = "family-join@oak.example"
REQUESTS = 10_000 if os.environ.get("TEST_LONG") else 300


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        made.let(Joining.OPEN)
        yield made


def asks(office: PostOffice, address: str = JOIN, text: str = "Hello", author: str = SVEN, **fields: str) -> Letter:
    """The letter in which somebody is asked to confirm."""
    assert office.writes(author, text, address, **fields) == OK
    letter = office.letters(author)[-1]
    assert letter.subject == "Do you want to join The family?"
    return letter


def status(office: PostOffice, address: str = SVEN) -> str | None:
    member = office.member_of(address)
    return office.people.membership(address.partition("@")[0]).status if member else None


def is_in(office: PostOffice, address: str = SVEN) -> bool:
    before = len(office.subjects())
    office.writes(address, "Hello everyone", subject="I am here")
    return len(office.subjects()) == before + 1


@pytest.mark.parametrize("address", [JOIN, "family-subscribe@oak.example", "Family+Join@oak.example"])
def test_nothing_happens_before_the_confirmation(office: PostOffice, address: str) -> None:
    letter = asks(office, address)
    assert office.member_of(SVEN) is None
    assert not is_in(office)
    assert "Hello" not in letter.text.replace("Hello,", ""), "no word of the request"
    assert letter.read["Auto-Submitted"] == "auto-replied"
    assert office.answers(letter, SVEN, "Yes") == OK
    assert is_in(office)
    assert office.letters(SVEN)[-1].subject.startswith("Welcome")


@pytest.mark.parametrize("address", ["family@oak.example", "family-help@oak.example", "family-request@oak.example"])
@pytest.mark.parametrize(("text", "subject"), [("Subscribe", ""), ("", "join"), ("Please sign me up!", "Hi")])
def test_the_word_alone_does_it_elsewhere(office: PostOffice, address: str, text: str, subject: str) -> None:
    asks(office, address, text, subject=subject)


@pytest.mark.parametrize(("word", "mode"), [("daily", DeliveryMode.DAILY), ("weekly", DeliveryMode.WEEKLY)])
def test_as_she_wishes(office: PostOffice, word: str, mode: DeliveryMode) -> None:
    office.answers(asks(office, text=f"Join, {word} please"), SVEN, "yes")
    member = office.member_of(SVEN)
    assert member is not None
    from storage import members

    family = office.people.list_named().id or 0
    row = office.people.database.read(lambda session: members.membership(session, family, member.id or 0))
    assert row is not None
    assert row.delivery is mode


def test_confirming_twice_joins_once_and_welcomes_once(office: PostOffice) -> None:
    letter = asks(office)
    assert office.answers(letter, SVEN, "yes") == OK
    assert office.answers(letter, SVEN, "yes") == OK
    assert len(office.letters(SVEN, about="Welcome")) == 1


@pytest.mark.parametrize("author", ["mallory@elm.example", ROSE])
def test_the_confirmation_is_for_one_address(office: PostOffice, author: str) -> None:
    letter = asks(office)
    assert office.answers(letter, author, "yes") == OK
    assert office.member_of(SVEN) is None
    assert office.member_of("mallory@elm.example") is None


def test_an_old_confirmation_gets_a_kind_word(office: PostOffice) -> None:
    letter = asks(office)
    office.later(days=8)
    assert office.answers(letter, SVEN, "yes") == (550, "5.7.1")
    assert office.member_of(SVEN) is None


def test_no_is_the_end_of_it(office: PostOffice) -> None:
    letter = asks(office)
    assert office.answers(letter, SVEN, "no") == OK
    assert office.answers(letter, SVEN, "yes") == OK
    assert office.member_of(SVEN) is None
    assert len(office.letters()) == 1


def test_three_requests_in_a_minute_send_one_letter(office: PostOffice) -> None:
    for _ in range(3):
        asks(office)
    assert len(office.letters()) == 1
    for day in range(6):
        office.later(days=1, minutes=1)
        asks(office)
        assert len(office.letters()) == min(day + 2, 3), "three ever without an answer"


def test_a_member_is_told_so_and_nobody_else(office: PostOffice) -> None:
    for _ in range(3):
        assert office.writes(ROSE, "Hello", JOIN) == OK
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, "You are in The family already")
    assert letter.reply_to == "family-owner@oak.example"


@pytest.mark.parametrize("author", [ROSE, SVEN])
def test_who_proves_nothing_gets_no_mail_and_the_same_answer(office: PostOffice, author: str) -> None:
    assert office.writes(author, "Hello", JOIN, proven=False) == OK
    assert office.letters(author) == []
    assert len(office.held()) == 1
    assert [letter.to for letter in office.letters()] == [ANNA]


def test_a_forgery_is_refused(office: PostOffice) -> None:
    office.dns.put("_dmarc.elm.example", TXT=["v=DMARC1; p=reject"])
    assert office.writes(SVEN, "Hello", JOIN, proven=False) == (550, "5.7.26")
    assert office.letters() == []


@pytest.mark.parametrize("fields", [{"Auto_Submitted": "auto-generated"}, {"Precedence": "auto_reply"}])
def test_a_program_gets_no_answer(office: PostOffice, fields: dict[str, str]) -> None:
    assert office.writes(SVEN, "Hello", JOIN, **fields) == OK
    assert office.letters() == []


def test_a_null_sender_gets_no_answer(office: PostOffice) -> None:
    office.dns.put("mx.home.example", TXT=["v=spf1 ip4:127.0.0.1 -all"])
    raw = mail(author="x@mx.home.example", to=JOIN)
    assert office.send(raw, JOIN, sender="") == OK
    assert office.letters() == []


def test_on_a_vouched_list_somebody_says_yes_too(office: PostOffice) -> None:
    office.let(Joining.VOUCHED)
    letter = asks(office)
    assert "Then somebody in The family has to say yes too." in letter.text
    assert office.letters(ANNA) == []
    assert office.answers(letter, SVEN, "Yes, I am Anna's neighbour.") == OK
    assert office.member_of(SVEN) is None
    (to_anna,) = office.letters(ANNA)
    assert to_anna.subject == "May they join? sven@elm.example"
    assert to_anna.text.endswith("Yes, I am Anna's neighbour.\n")
    assert office.answers(to_anna, ROSE, "yes") == OK
    assert office.member_of(SVEN) is None
    assert office.answers(to_anna, ANNA, "yes") == OK
    assert is_in(office)
    assert office.letters(SVEN)[-1].subject.startswith("Welcome")


def test_whom_the_newcomer_names_may_say_yes_and_all_can_see_it(office: PostOffice) -> None:
    office.let(Joining.VOUCHED)
    letter = asks(office)
    assert "Do you know a member? Write the name behind your yes." in letter.text
    assert office.answers(letter, SVEN, "Yes, Rose knows me from school.") == OK
    assert {each.to for each in office.letters(about="May they join?")} == {ANNA, ROSE}
    (to_rose,) = office.letters(ROSE)
    assert office.answers(to_rose, "tom@home.example", "yes") == OK
    assert office.member_of(SVEN) is None, "Tom was not asked"
    assert office.answers(to_rose, ROSE, "yes", proven=False) == OK
    assert office.member_of(SVEN) is None
    assert office.answers(to_rose, ROSE, "yes") == OK
    assert "Rose Okafor said yes to you" in office.letters(SVEN, about="Welcome")[-1].text
    assert office.writes("tom@home.example", "who", "family-help@oak.example", subject="") == OK
    assert "Rose Okafor said yes to sven, Sunday, 22 November 2026." in office.letters("tom@home.example")[-1].text
    to_anna = office.letters(ANNA, about="May they join?")[0]
    assert office.answers(to_anna, ANNA, "no") == OK
    assert is_in(office)


def test_the_no_of_a_member_leaves_it_to_the_others(office: PostOffice) -> None:
    office.let(Joining.VOUCHED)
    office.answers(asks(office), SVEN, "Yes, Rose knows me from school.")
    (to_rose,) = office.letters(ROSE)
    assert office.answers(to_rose, ROSE, "No, I do not know him.") == OK
    assert office.letters(SVEN, about="About joining") == []
    (to_anna,) = office.letters(ANNA)
    assert office.answers(to_anna, ANNA, "yes") == OK
    assert is_in(office)


@pytest.mark.parametrize("text", ["Yes", "Yes, Okafor", "Yes, somebody knows me"])
def test_nobody_is_asked_whose_name_is_not_surely_meant(office: PostOffice, text: str) -> None:
    office.let(Joining.VOUCHED)
    office.answers(asks(office), SVEN, text)
    assert {each.to for each in office.letters(about="May they join?")} == {ANNA}


def test_on_a_vouched_list_a_no_is_told(office: PostOffice) -> None:
    office.let(Joining.VOUCHED)
    office.answers(asks(office), SVEN, "yes")
    (to_anna,) = office.letters(ANNA)
    assert office.answers(to_anna, ANNA, "No. We are all from one street.") == OK
    assert office.member_of(SVEN) is None
    told = office.letters(SVEN)[-1]
    assert told.subject == "About joining The family"
    assert "They wrote: We are all from one street." in told.text
    assert office.answers(to_anna, ANNA, "yes") == OK
    assert office.member_of(SVEN) is None


def test_a_closed_list_leaves_it_to_a_person_who_may_invite(office: PostOffice) -> None:
    office.let(Joining.CLOSED)
    assert office.writes(SVEN, "Hello", JOIN) == OK
    assert office.letters(SVEN) == []
    (to_anna,) = office.letters(ANNA)
    assert office.answers(to_anna, ANNA, "yes") == OK
    (invitation,) = office.letters(SVEN)
    assert invitation.subject.endswith("invites you to The family")
    assert office.answers(invitation, SVEN, "yes") == OK
    assert is_in(office)


def test_who_was_invited_may_ask_for_it_herself(office: PostOffice) -> None:
    office.let(Joining.CLOSED)
    letter = asks(office, author="greta@home.example")
    assert office.answers(letter, "greta@home.example", "yes") == OK
    assert is_in(office, "greta@home.example")


def test_when_many_ask_at_once_they_come_later(office: PostOffice) -> None:
    answers = [office.writes(f"a{number}@elm.example", "Hello", JOIN) for number in range(25)]
    assert answers == [OK] * 20 + [(451, "4.7.1")] * 5
    assert len(office.letters()) == 20
    office.later(hours=1, minutes=1)
    assert office.writes("a24@elm.example", "Hello", JOIN) == OK
    assert len(office.letters()) == 21


# R17, without sockets: every request looks proven


@pytest.fixture
def bombed(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as people:
        believed(monkeypatch, Verdict.ALIGNED)
        yield people


def request(people: Community, address: str, number: int) -> int:
    raw = mail(author=address, to=JOIN, message_id=f"<{number}@evil.example>")
    return int(people.receive(raw, JOIN, sender=address)[0])


def test_one_victim_gets_one_letter(bombed: Community) -> None:
    codes = {request(bombed, "victim@elm.example", number) for number in range(REQUESTS)}
    assert codes == {250}
    assert [to for to, _ in bombed.notices()] == ["victim@elm.example"]
    assert bombed.held() == []


def test_many_victims_trip_the_breaker(bombed: Community) -> None:
    codes = [request(bombed, f"v{number}@elm.example", number) for number in range(REQUESTS)]
    assert codes[:20] == [250] * 20
    assert set(codes[20:]) == {451}
    recipients = [to for to, _ in bombed.notices()]
    assert len(recipients) == len(set(recipients)) == 20
    assert bombed.held() == []


def test_the_breaker_is_for_all_lists_together(bombed: Community) -> None:
    from storage import lists

    def make(session: object) -> None:
        for number in range(7):
            lists.create_list(session, name=f"club{number}", title="Club", now=bombed.clock[0])  # type: ignore[arg-type]

    bombed.database.write(make)
    codes = []
    for number in range(140):
        to = f"club{number % 7}-join@oak.example"
        raw = mail(author=f"v{number}@elm.example", to=to, message_id=f"<{number}@evil.example>")
        codes.append(bombed.receive(raw, to, sender=f"v{number}@elm.example")[0])
    assert codes == [250] * 100 + [451] * 40
    assert len(bombed.notices()) == 100


def test_moderators_are_not_bombed_either(office: PostOffice) -> None:
    for number in range(20):
        assert office.writes(f"v{number}@elm.example", "Hello", JOIN, proven=False) == OK
    assert len(office.held()) == 20
    assert [letter.to for letter in office.letters()] == [ANNA]
    assert Role.OWNER is office.people.membership("anna").role


class TestOneNetwork:
    """Spec/mail.md §2.5: five requests an hour from one network."""

    def asks_from(self, people: Community, client: str, number: int) -> tuple[int, str]:
        raw = mail(author=f"p{number}@elm.example", to=JOIN, message_id=f"<{number}@elm.example>")
        envelope = Envelope(f"p{number}@elm.example", (JOIN,), client)
        reply = asyncio.run(people.receiver.receive(envelope, raw))
        return reply.code, reply.enhanced

    @pytest.fixture
    def people(self, sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
        changes = {"smtp": {"trusted_relays": ("198.51.100.7/32",), "trusted_authserv_id": "mx.oak.example"}}
        with community(sqlite_template, tmp_path, changes) as made:
            list_id = made.list_named().id or 0
            made.database.write(lambda session: lists.update_list(session, list_id=list_id, joining=Joining.OPEN))
            self.ticks = 0.0
            made.receiver._joining = JoiningLimit(made.settings.smtp.trusted_relays, lambda: self.ticks)
            yield made

    def test_a_sixth_comes_later(self, people: Community) -> None:
        answers = [self.asks_from(people, f"192.0.2.{number}", number) for number in range(6)]
        assert answers == [OK] * 5 + [(451, "4.7.1")]
        assert len(people.notices()) == 5
        assert self.asks_from(people, "203.0.113.1", 6) == OK
        self.ticks = 3600.0
        assert self.asks_from(people, "192.0.2.5", 5) == OK

    @pytest.mark.parametrize("client", ["127.0.0.1", "::1", "", "198.51.100.7"])
    def test_who_is_near_or_passes_on_for_others_is_exempt(self, people: Community, client: str) -> None:
        assert [self.asks_from(people, client, number) for number in range(8)] == [OK] * 8

    def test_mail_to_the_list_does_not_count(self, people: Community) -> None:
        for number in range(8):
            raw = mail(message_id=f"<{number}@home.example>")
            envelope = Envelope("anna@home.example", ("family@oak.example",), "192.0.2.1")
            assert asyncio.run(people.receiver.receive(envelope, raw)).code == 250
        assert self.asks_from(people, "192.0.2.1", 9) == OK


def test_an_address_whose_mail_comes_back_is_not_written_to(office: PostOffice) -> None:
    host = office.people.host
    mark = address_marks(host.secrets, SVEN)[0]
    office.people.database.write(
        lambda session: bounces.suppress(session, mark=mark, member_id=1, next_probe_at=None, now=NOW)
    )
    assert office.writes(SVEN, "Hello", JOIN) == OK
    assert office.letters(SVEN) == []
    assert "our emails came back from there" in office.people.log()[-1].text
