"""Commands in plain words, from the wire to what they do and the one answer that they get."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from handlers.incoming import Verdict
from storage import questions
from storage.models import DeliveryMode, Status
from storage.models_questions import QuestionKind
from tests.handlers.command_sets import as_sent
from tests.wire.community import Community, believed, community, mail, port_of, serving
from tests.wire.letters import SUNDAY, due, reads_letters, says

HELP, FAMILY, OWNER = "family-help@oak.example", "family@oak.example", "family-owner@oak.example"
ROSE = "Rose Okafor <rose@home.example>"
OK = (250, "2.0.0")


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        yield made


def writes(people: Community, text: str, to: str = HELP, number: int = 1, **fields: str) -> tuple[int, str]:
    more = {"author": ROSE, "subject": "Hello", "message_id": f"<{number}@phone.example>", **fields}
    return people.receive(mail(f"{text}\r\n", to=to, **more), to, sender="rose@home.example")


def letters(people: Community, person: str = "rose") -> list[EmailMessage]:
    found: list[Any] = [
        message_from_bytes(raw, policy=policy.SMTP)
        for recipient, raw in people.notices()
        if recipient == f"{person}@home.example"
    ]
    return found


def subjects(people: Community, person: str = "rose") -> list[str]:
    return [letter["Subject"] for letter in letters(people, person)]


def asked(people: Community, kind: QuestionKind) -> Any:
    reply_to = letters(people)[-1]["Reply-To"]
    token = reply_to.partition("@")[0].removeprefix("family-")
    found = people.database.read(lambda session: questions.find_question(session, token))
    assert found is not None
    assert found.kind is kind
    return found


FORMS = ("plain", "subject", "encoded subject", "folded", "html", "base64", "quoted below", "quoted above", "signed")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weekly", DeliveryMode.WEEKLY),
        ("Täglich, bitte", DeliveryMode.DAILY),
        ("pause", Status.PAUSED),
        ("Désabonnez-moi", Status.LEFT),
    ],
)
def test_what_she_asks_for_is_done_in_every_form(people: Community, form: str, text: str, expected: Any) -> None:
    assert people.receive(as_sent(text, form), HELP, sender="rose@home.example") == OK
    tie = people.membership("rose")
    assert expected in (tie.delivery, tie.status)
    assert len(letters(people)) == 1
    assert people.posts() == people.held() == []


def test_all_settings_one_after_the_other(people: Community) -> None:
    steps = (
        ("daily", DeliveryMode.DAILY, Status.ACTIVE),
        ("once a week please", DeliveryMode.WEEKLY, Status.ACTIVE),
        ("holiday", DeliveryMode.WEEKLY, Status.PAUSED),
        ("I am back!", DeliveryMode.WEEKLY, Status.ACTIVE),
        ("each", DeliveryMode.EACH, Status.ACTIVE),
        ("unsubscibe", DeliveryMode.EACH, Status.LEFT),
    )
    for number, (text, delivery, status) in enumerate(steps):
        assert writes(people, text, number=number) == OK
        tie = people.membership("rose")
        assert (tie.delivery, tie.status) == (delivery, status)
    assert subjects(people)[-1] == "You have left The family"


@pytest.mark.parametrize(
    "text", ["help", "?", "who", "rules", "my data", "forget me", "Wer ist dabei?", "mes données", "mute 2", "photos 1"]
)
def test_what_is_asked_is_answered_to_her_alone(people: Community, text: str) -> None:
    assert writes(people, text) == OK
    assert {recipient for recipient, _ in people.notices()} <= {"rose@home.example"}
    assert people.posts() == people.held() == []


def test_through_the_real_server(people: Community) -> None:
    with serving(people.settings, people.receiver) as doors, smtplib.SMTP("127.0.0.1", port_of(doors)) as client:
        for number, form in enumerate(FORMS):
            raw = as_sent("weekly" if number % 2 else "daily", form)
            client.sendmail(
                "rose@home.example", [HELP], raw.replace(b"Subject:", b"X-Number: %d\r\nSubject:" % number, 1)
            )
            wanted = DeliveryMode.WEEKLY if number % 2 else DeliveryMode.DAILY
            assert people.membership("rose").delivery is wanted
        client.sendmail("rose@home.example", [FAMILY], as_sent("Hilfe", "base64"))
    assert people.posts() == []
    assert len(letters(people)) == 3  # daily, weekly, and the help


@pytest.mark.parametrize(
    "text", ["weekly", "daily", "pause", "help", "who", "rules", "wekly", "Where is the key?", "stop"]
)
def test_ten_requests_in_a_minute_get_one_answer(people: Community, text: str) -> None:
    for number in range(10):
        assert writes(people, text, number=number) == OK
    assert len(letters(people)) == 1
    assert len(letters(people, "anna")) <= 1


@pytest.mark.parametrize(
    "text", ["weekly", "pause", "stop", "back", "who", "my data", "forget me", "wekly", "What is this?"]
)
def test_somebody_who_writes_in_her_name_changes_nothing(
    people: Community, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    believed(monkeypatch, Verdict.UNVERIFIED)
    before = people.membership("rose")
    for number in range(10):
        assert writes(people, text, number=number) == OK
    after = people.membership("rose")
    assert (after.delivery, after.status) == (before.delivery, before.status)
    assert len(letters(people)) <= 1  # did you write this?
    assert len(letters(people, "anna")) <= 1


def test_her_yes_to_that_does_what_was_asked(people: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    believed(monkeypatch, Verdict.UNVERIFIED)
    writes(people, "weekly")
    assert people.membership("rose").delivery is DeliveryMode.EACH
    believed(monkeypatch, Verdict.ALIGNED)
    writes(people, "yes", to=letters(people)[-1]["Reply-To"], number=2)
    assert people.membership("rose").delivery is DeliveryMode.WEEKLY


@pytest.mark.parametrize("text", ["weekly", "who", "help me", "my data", "What is this about?", "wekly"])
def test_strangers_are_told_nothing_about_anybody(people: Community, text: str) -> None:
    fields = {"author": "Sven <sven@elm.example>", "subject": text}
    for number in range(3):
        assert writes(people, text, number=number, **fields) == OK
    told = [raw for recipient, raw in people.notices() if recipient == "sven@elm.example"]
    assert len(told) <= 1
    assert not any(b"rose" in raw.lower() or b"okafor" in raw.lower() for raw in told)
    assert len(letters(people, "anna")) <= 1


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"Content_Type": "multipart/report"},
    ],
)
@pytest.mark.parametrize("text", ["help", "weekly", "wekly", "I am away"])
def test_programs_are_never_answered(people: Community, fields: dict[str, str], text: str) -> None:
    assert writes(people, text, **fields)[0] == 250
    assert people.notices() == []
    assert people.membership("rose").delivery is DeliveryMode.EACH


class TestNotSure:
    def test_a_slip_is_asked_about_and_her_yes_does_it(self, people: Community) -> None:
        writes(people, "wekly")
        assert subjects(people) == ["We are not sure what you meant"]
        body = letters(people)[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert 'You wrote "wekly". Did you mean: weekly?' in body
        (waiting,) = people.held()
        assert waiting.subject == "Hello"
        assert letters(people, "anna") == []
        question = asked(people, QuestionKind.MEANT)
        writes(people, "Yes!", to=f"family-{question.token}@oak.example", number=2)
        assert people.membership("rose").delivery is DeliveryMode.WEEKLY
        assert people.held() == []

    def test_no_is_for_a_person(self, people: Community) -> None:
        writes(people, "Could it be weekly perhaps")
        question = asked(people, QuestionKind.MEANT)
        writes(people, "no", to=f"family-{question.token}@oak.example", number=2)
        assert people.membership("rose").delivery is DeliveryMode.EACH
        assert len(people.held()) == 1
        assert len(letters(people, "anna")) == 1

    def test_it_is_asked_in_her_language(self, people: Community) -> None:
        reads_letters(people, "rose", DeliveryMode.EACH, language="de")
        writes(people, "Ginge das auch wöchentlich?", Content_Type="text/plain; charset=utf-8")
        assert "Meinst du: wöchentlich?" in letters(people)[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]

    @pytest.mark.parametrize("author", ["Tom Okafor <tom@home.example>", "Sven <sven@elm.example>"])
    def test_somebody_elses_yes_does_nothing(self, people: Community, author: str) -> None:
        writes(people, "wekly")
        question = asked(people, QuestionKind.MEANT)
        writes(people, "yes", to=f"family-{question.token}@oak.example", number=2, author=author)
        assert {people.membership(person).delivery for person in ("rose", "tom")} == {DeliveryMode.EACH}


def test_other_words_reach_a_person_and_she_hears_so(people: Community) -> None:
    text = "My sister Ida has moved. Where do I tell you her new address?"
    assert writes(people, text, subject="Ida") == OK
    assert subjects(people) == ["A person will read your email"]
    (asking,) = letters(people, "anna")
    assert "Ida has moved" in asking.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert len(people.held()) == 1


@pytest.mark.parametrize("text", ["Thank you!", "Danke\r\n\r\nRose", "❤️", "Merci beaucoup"])
def test_thanks_for_a_notice_bother_nobody(people: Community, text: str) -> None:
    fields = {"in_reply_to": "<n.abc@oak.example>", "Content_Type": "text/plain; charset=utf-8"}
    assert writes(people, text, **fields) == OK
    assert people.notices() == people.held() == []


class TestToEveryone:
    @pytest.mark.parametrize("text", ["help", "Hjälp!", "?", "stop", "unsubscribe", "subscribe"])
    @pytest.mark.parametrize("answered", ["", "<0@home.example>"])
    def test_what_is_for_us_is_not_posted(self, people: Community, text: str, answered: str) -> None:
        assert writes(people, text, FAMILY, in_reply_to=answered) == OK
        assert people.posts() == people.held() == []
        assert len(letters(people)) == 1

    @pytest.mark.parametrize("text", ["weekly", "back", "who?", "pause", "Yes", "more", "add me", "photos 1", "mute"])
    def test_what_people_say_to_each_other_is(self, people: Community, text: str) -> None:
        assert writes(people, text, FAMILY) == OK
        assert len(people.posts()) == 1
        assert letters(people) == []

    def test_a_file_under_such_a_subject_is(self, people: Community) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = ROSE, FAMILY, "Anmeldung"
        message["Message-ID"] = "<file@phone.example>"
        message.set_content("\r\n")
        message.add_attachment(b"%PDF-1.7" + 20_000 * b"x", maintype="application", subtype="pdf", filename="form.pdf")
        assert people.receive(message.as_bytes(policy=policy.SMTP), FAMILY, sender="rose@home.example") == OK
        assert len(people.posts()) == 1

    def test_a_subject_that_answers_another_is_not_hers(self, people: Community) -> None:
        writes(people, "Who knows?", FAMILY, subject="Stop", number=1)
        assert writes(people, "Rose", FAMILY, subject="Re: Stop", number=2, in_reply_to="<1@phone.example>") == OK
        assert people.membership("rose").status is Status.ACTIVE


@pytest.mark.parametrize(
    ("text", "subject"),
    [("who", "This is who is in The family"), ("help", "How to use The family"), ("stop", "You have left The family")],
)
def test_in_answer_to_a_letter(people: Community, text: str, subject: str) -> None:
    people.clock[0] = SUNDAY
    reads_letters(people, "rose")
    says(people, "The children have not stopped talking about the heron.")
    (letter,) = due(people)
    quoted = "".join(f"> {line}\r\n" for line in letter.text.splitlines())
    assert writes(people, f"{text}\r\n\r\n{quoted}", FAMILY, in_reply_to=letter.message_id) == OK
    assert len(people.posts()) == 1
    assert letters(people)[-1]["Subject"] == subject or text == "who"


def test_a_picture_in_answer_to_a_letter_is_for_everyone(people: Community) -> None:
    people.clock[0] = SUNDAY
    reads_letters(people, "rose")
    says(people, "The children have not stopped talking about the heron.")
    (letter,) = due(people)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["In-Reply-To"] = (
        ROSE,
        FAMILY,
        "Re: x",
        letter.message_id,
    )
    message["Message-ID"] = "<picture@phone.example>"
    message.set_content("Help!\r\n")
    message.add_attachment(b"%PDF-1.7" + 20_000 * b"x", maintype="application", subtype="pdf", filename="map.pdf")
    assert people.receive(message.as_bytes(policy=policy.SMTP), FAMILY, sender="rose@home.example") == OK
    assert len(people.posts()) == 2


def test_in_answer_to_the_welcome_which_people_read(people: Community) -> None:
    fields = {"in_reply_to": "<n.abc@oak.example>", "subject": "Re: Welcome"}
    assert writes(people, "weekly", OWNER, **fields) == OK
    assert people.membership("rose").delivery is DeliveryMode.WEEKLY
    assert letters(people, "anna") == []
    writes(people, "Thank you, I am happy to be here", OWNER, number=2, **fields)
    assert len(letters(people, "anna")) == 1
    writes(people, "weekly", OWNER, number=3)  # this is a mail to people, not an answer to us
    assert len(letters(people, "anna")) == 2


def test_stop_in_answer_to_the_goodbye_is_no_way_back(people: Community) -> None:
    writes(people, "stop")
    goodbye = letters(people)[-1]["Reply-To"]
    writes(people, "Unsubscribe!!", goodbye, number=2)
    assert people.membership("rose").status is Status.LEFT
    writes(people, "What happened?", goodbye, number=3)
    assert people.membership("rose").status is Status.ACTIVE


def test_several_lines_count_once_and_up_to_the_end(people: Community) -> None:
    writes(people, "weekly\r\npause\r\nend\r\nand a long story about what happened to us last summer at the lake\r\n")
    tie = people.membership("rose")
    assert (tie.delivery, tie.status) == (DeliveryMode.WEEKLY, Status.ACTIVE)
    assert len(letters(people)) == 1


def test_a_name_that_is_not_ascii(people: Community) -> None:
    author = f"{Header('Röse Ökafor', 'utf-8').encode()} <rose@home.example>"
    assert writes(people, "weekly\r\n\r\nRose", author=author, subject=Header("Größe", "utf-8").encode()) == OK
    assert people.membership("rose").delivery is DeliveryMode.WEEKLY
