"""The handshake without any mail: two sides that hand each other their blocks (spec/federation.md §2.2, §4)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from handlers.peer import handshake
from handlers.peer.card import CAPABILITIES, Card, read_card, write_card
from handlers.peer.code import Code, read_code, write_code
from handlers.peer.control import Control, Unreadable, canonical, read_block, write_block
from handlers.peer.handshake import Alarm, Link, State, Step, Us
from handlers.peer.keys import PeerKey, key_hash
from handlers.peer.safety_words import safety_words, shown_and_asked

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TOKEN = "q7m2k5x3d4t6w7z2b4n6p5r2ca"


def us_of(domain: str, seed: int, *, written: str = "") -> Us:
    """written: the domain as the card has it, where that is not how it is compared."""
    key = PeerKey(bytes([seed]) * 32)
    card = Card(
        domain=written or domain,
        operator=domain.title(),
        contact=f"op@{domain}",
        software="Organic Mail",
        key=key.public,
        next=key_hash(PeerKey(bytes([seed + 100]) * 32).public),
        relay=f"organic-peer@{domain}",
        capabilities=CAPABILITIES,
        limits="120/h",
        rules="",
        issued=NOW,
    )
    return Us(domain, key, write_card(card, key))


@dataclass
class Side:
    us: Us
    link: Link | None = None
    told: list[str] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)  # of codes that it gave out and nobody used

    def take(self, step: Step) -> list[Control]:
        if step.link is not None:
            self.link = step.link
        self.told += [step.told] if step.told else []
        self.alarms += [step.alarm] if step.alarm else []
        return [read_block(write_block(mail)) for mail in step.mails]

    def read(self, control: Control, now: datetime = NOW) -> list[Control]:
        """What it answers."""
        if control.type == "peer-request":
            request = handshake.read_request(control)
            token = handshake.proven_by(request, self.tokens)
            if token is None:
                return []
            step = handshake.asked(self.us, request, token, self.link, nonce=b"a" * 32, now=now)
            if step.link is not None:
                self.tokens.remove(token)
            return self.take(step)
        if self.link is None:
            return []
        reading = {
            "peer-offer": lambda: handshake.offered(self.us, self.known, control, now=now),
            "peer-reveal": lambda: handshake.revealed(self.us, self.known, control, now=now),
            "peer-approve": lambda: handshake.approved(self.us, self.known, control, now=now),
            "peer-abort": lambda: handshake.aborted(self.known, now=now),
        }
        return self.take(reading[control.type]())

    def approve(self) -> list[Control]:
        return self.take(handshake.approve(self.us, self.known, mailbox="m" * 26, epoch="e" * 8, now=NOW))

    @property
    def known(self) -> Link:
        assert self.link is not None
        return self.link

    @property
    def state(self) -> State:
        return self.known.state


@pytest.fixture
def oak() -> Side:
    return Side(us_of("oak.example", 1), tokens=[TOKEN])


@pytest.fixture
def pine() -> Side:
    return Side(us_of("pine.example", 2))


def begin(pine: Side, oak: Side, *, token: str = TOKEN, key_id: str = "") -> list[Control]:
    code = Code("oak.example", key_id or oak.us.key.id, token)
    return pine.take(handshake.ask(pine.us, "oak.example", code, nonce=b"b" * 32, now=NOW))


def talk(oak: Side, pine: Side, mails: list[Control]) -> None:
    """Hands mails to and fro till nobody has anything to say. Those of `pine` are first."""
    reader, other = oak, pine
    while mails:
        mails = [answer for mail in mails for answer in reader.read(mail)]
        reader, other = other, reader


def test_the_code_is_read_as_people_type_it() -> None:
    code = Code("oak.example", "kzdvvj2umnduyauf", TOKEN)
    assert read_code(f"  {write_code(code).upper()[:30]} {write_code(code).upper()[30:]}\n") == code
    for wrong in ("om2:oak.example:kzdvvj2umnduyauf:" + TOKEN, write_code(code)[:-1], "oak.example", ""):
        with pytest.raises(Unreadable):
            read_code(wrong)


@pytest.mark.parametrize("first", ["oak", "pine"])
def test_f01_both_operators_approve(oak: Side, pine: Side, first: str) -> None:
    talk(oak, pine, begin(pine, oak))
    assert (oak.state, pine.state) == (State.REVEALED, State.REVEALED)
    assert oak.known.transcript == pine.known.transcript
    sides = [oak, pine] if first == "oak" else [pine, oak]
    for one, other in (sides, sides[::-1]):
        talk(other, one, one.approve())
    assert (oak.state, pine.state) == (State.ACTIVE, State.ACTIVE)
    assert oak.known.their_mailbox == pine.known.our_mailbox
    assert (oak.known.their_epoch, pine.known.card.key) == (pine.known.our_epoch, oak.us.key.public)


def test_f01_also_when_they_say_yes_before_anything_has_come(oak: Side, pine: Side) -> None:
    request = begin(pine, oak)
    assert pine.approve() == []
    offer = [answer for mail in request for answer in oak.read(mail)]
    assert oak.approve() == []
    talk(pine, oak, offer)
    assert (oak.state, pine.state) == (State.ACTIVE, State.ACTIVE)


def test_an_approval_that_overtakes_the_reveal_is_enough(oak: Side, pine: Side) -> None:
    request = begin(pine, oak)
    pine.approve()
    offer = [answer for mail in request for answer in oak.read(mail)]
    reveal, approval = [answer for mail in offer for answer in pine.read(mail)]
    oak.approve()
    talk(pine, oak, oak.read(approval))
    assert oak.read(reveal) == []
    assert (oak.state, pine.state) == (State.ACTIVE, State.ACTIVE)


def test_every_mail_twice_changes_nothing(oak: Side, pine: Side) -> None:
    request = begin(pine, oak)
    offer = oak.read(request[0])
    assert oak.read(request[0]) == []
    reveal = pine.read(offer[0])
    assert pine.read(offer[0]) == []
    oak.read(reveal[0])
    assert oak.read(reveal[0]) == []
    approval = oak.approve()
    assert oak.approve() == []
    pine.read(approval[0])
    pine.read(approval[0])
    assert pine.state is State.APPROVED_THEM


def test_f02_one_yes_is_never_enough(oak: Side, pine: Side) -> None:
    talk(oak, pine, begin(pine, oak))
    talk(pine, oak, oak.approve())
    assert (oak.state, pine.state) == (State.APPROVED_US, State.APPROVED_THEM)
    for side in (oak, pine):
        assert handshake.expired(side.known, NOW + timedelta(days=13)).link is None
        side.take(handshake.expired(side.known, NOW + timedelta(days=14)))
        assert side.state is State.NONE
        assert "expired" in side.told[-1]


def test_f03_a_code_counts_once(oak: Side, pine: Side) -> None:
    talk(oak, pine, begin(pine, oak))
    birch = Side(us_of("birch.example", 3))
    again = birch.take(
        handshake.ask(birch.us, "oak.example", Code("oak.example", oak.us.key.id, TOKEN), nonce=b"c" * 32, now=NOW)
    )
    before = oak.link
    assert oak.read(again[0]) == []
    assert oak.link == before


def test_f05_no_code_no_answer(oak: Side, pine: Side) -> None:
    request = pine.take(handshake.ask(pine.us, "oak.example", None, nonce=b"b" * 32, now=NOW))
    assert request[0].get("mac") is None
    assert oak.read(request[0]) == []
    assert oak.link is None


def test_f07_another_key_than_the_one_in_the_code(oak: Side, pine: Side) -> None:
    talk(oak, pine, begin(pine, oak, key_id=PeerKey(b"x" * 32).id))
    assert (oak.state, pine.state) == (State.NONE, State.NONE)
    assert pine.alarms == [Alarm.OTHER_KEY]
    assert oak.alarms[-1] is Alarm.BROKEN


def test_f08_a_nonce_that_does_not_open_the_commitment(oak: Side, pine: Side) -> None:
    offer = oak.read(begin(pine, oak)[0])
    pine.link = replace(pine.known, our_nonce=base64.b64encode(b"z" * 32).decode())
    reveal = pine.read(offer[0])
    talk(oak, pine, reveal)
    assert (oak.state, pine.state) == (State.NONE, State.NONE)
    assert oak.alarms[-1] is Alarm.BROKEN


def by_words(oak: Side, pine: Side) -> None:
    request = pine.take(handshake.ask(pine.us, "oak.example", None, nonce=b"b" * 32, now=NOW))
    oak.take(handshake.asked(oak.us, handshake.read_request(request[0]), "", None, nonce=b"a" * 32, now=NOW))
    assert oak.alarms == [Alarm.ASKS]
    talk(pine, oak, oak.take(handshake.offer(oak.us, oak.known, now=NOW)))


def test_f09_the_words_of_both_screens_fit(oak: Side, pine: Side) -> None:
    by_words(oak, pine)
    transcript = oak.known.transcript
    assert transcript is not None
    shown, asked = shown_and_asked(transcript, ours="oak.example", theirs="pine.example")
    assert shown_and_asked(transcript, ours="pine.example", theirs="oak.example") == (asked, shown)
    assert shown + asked == safety_words(transcript)
    assert handshake.words_are_right(oak.us, oak.known, f" {', '.join(asked).upper()} ", now=NOW) is None
    assert handshake.words_are_right(oak.us, oak.known, " ".join(shown), now=NOW) is not None


def test_f09_three_wrong_words_end_it(oak: Side, pine: Side) -> None:
    by_words(oak, pine)
    for number in (1, 2, 3):
        wrong = handshake.words_are_right(oak.us, oak.known, "abandon ability able about", now=NOW)
        assert wrong is not None
        mails = oak.take(wrong)
        assert oak.state is (State.REVEALED if number < 3 else State.NONE)
    talk(pine, oak, mails)
    assert pine.state is State.NONE
    assert oak.alarms[-1] is Alarm.WRONG_WORDS


def test_the_words_are_the_first_88_bits() -> None:
    assert safety_words(bytes(32)) == ("abandon",) * 8
    assert safety_words(b"\xff" * 32) == ("zoo",) * 8
    assert safety_words(bytes([0, 0x20]) + bytes(30))[0] == "ability"


def test_somebody_in_the_middle_sees_another_transcript(oak: Side, pine: Side) -> None:
    """He answers both in the name of the other, with keys of his own; he has no code, so both drop him."""
    (request,) = begin(pine, oak)
    mallory = Side(us_of("oak.example", 66))
    forged = handshake.asked(
        mallory.us, handshake.read_request(request), "guessed", None, nonce=b"m" * 32, now=NOW
    ).mails[0]
    pine.link = replace(pine.known, code_key_id=mallory.us.key.id)  # and even with a key that fits
    with pytest.raises(Unreadable):
        pine.read(forged)
    assert pine.state is State.REQUESTED


def test_an_approval_signed_by_somebody_else(oak: Side, pine: Side) -> None:
    talk(oak, pine, begin(pine, oak))
    thief = replace(oak.us, key=PeerKey(b"t" * 32))
    forged = handshake.approve(thief, oak.known, mailbox="m" * 26, epoch="e" * 8, now=NOW).mails[0]
    with pytest.raises(Unreadable):
        pine.read(forged)
    assert pine.state is State.REVEALED


def test_f22_a_domain_in_other_letters() -> None:
    us = us_of("xn--grn-ioa.example", 5, written="Grün.example")
    assert "Grün.example" in canonical(us.card.fields).decode()
    assert read_card(us.card).domain == "xn--grn-ioa.example"


def test_a_card_that_was_changed() -> None:
    changed = Control(
        tuple(
            (name, "mallory@elm.example" if name == "contact" else value)
            for name, value in us_of("oak.example", 1).card.fields
        )
    )
    with pytest.raises(Unreadable):
        read_card(changed)


def test_two_that_ask_each_other_at_once_still_meet(oak: Side, pine: Side) -> None:
    """The one whose name comes first gives in."""
    pine.tokens = ["p" * 26]
    from_pine = begin(pine, oak)
    from_oak = oak.take(
        handshake.ask(oak.us, "pine.example", Code("pine.example", pine.us.key.id, "p" * 26), nonce=b"o" * 32, now=NOW)
    )
    answers = [oak.read(from_pine[0]), pine.read(from_oak[0])]
    talk(pine, oak, answers[0])
    talk(oak, pine, answers[1])
    for one, other in ((oak, pine), (pine, oak)):
        talk(other, one, one.approve())
    assert (oak.state, pine.state) == (State.ACTIVE, State.ACTIVE)
