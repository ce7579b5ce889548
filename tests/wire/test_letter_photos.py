"""Photos in letters: drawn anew by the limited process, inside the mail; "photos 1" brings the posts themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.wire.community import Community, community
from tests.wire.letters import SUNDAY, due, reads_letters

HERE = b"Exif\0\0 59.3293 N 18.0686 E"


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        yield made


def photo(size: tuple[int, int] = (1600, 1200)) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, "JPEG", quality=80, exif=HERE)
    return out.getvalue()


def post(people: Community, *photos: bytes) -> None:
    message = EmailMessage()
    message["From"] = "Anna Lindqvist <anna@home.example>"
    message["To"] = "family@oak.example"
    message["Subject"] = "Back from the lake"
    message["Message-ID"] = "<photos@home.example>"
    message.set_content("Look at the heron!")
    for number, data in enumerate(photos):
        message.add_attachment(data, maintype="image", subtype="jpeg", filename=f"heron{number}.jpg")
    raw = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw) == (250, "2.0.0")


def test_photos_are_shown_small_and_without_their_place(people: Community) -> None:
    post(people, photo(), photo((300, 200)))
    (letter,) = due(people)
    pictures = [part for part in letter.read.walk() if part.get_content_maintype() == "image"]
    assert len(pictures) == 2
    with Image.open(BytesIO(pictures[0].get_content())) as shown:
        assert max(shown.size) == 1100
        assert not shown.getexif()
    assert all(HERE not in part.get_content() for part in pictures)
    assert 'alt="Photo from Anna Lindqvist, 1 of 2"' in letter.html
    assert "There are 2 photos." in letter.text


def test_too_many_photos_are_told(people: Community) -> None:
    post(people, *[photo((400, 300)) for _ in range(6)])
    (letter,) = due(people)
    assert len([part for part in letter.read.walk() if part.get_content_maintype() == "image"]) == 4
    assert "And 2 more photos. To get all photos, press Reply and write: photos 1" in letter.text


def test_a_photo_that_cannot_be_opened_keeps_no_letter_back(people: Community) -> None:
    post(people, b"\xff\xd8\xff\xe0" + b"no picture at all" * 3000)
    (letter,) = due(people)
    assert "Look at the heron!" in letter.text
    assert not [part for part in letter.read.walk() if part.get_content_maintype() == "image"]
    assert "There is 1 photo. To get all photos, press Reply and write: photos 1" in letter.text


def test_all_photos_come_when_she_asks(people: Community) -> None:
    post(people, photo((400, 300)))
    (letter,) = due(people)
    before = people.copies().count("rose@home.example")
    answer = EmailMessage()
    answer["From"], answer["To"] = "rose@home.example", "family@oak.example"
    answer["Message-ID"], answer["In-Reply-To"] = "<r@home.example>", letter.message_id
    answer.set_content("photos 1")
    people.clock[0] = SUNDAY
    raw = answer.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw, sender="rose@home.example") == (250, "2.0.0")
    assert people.copies().count("rose@home.example") == before + 1


def test_our_photos_do_not_come_back_with_an_answer(people: Community) -> None:
    """Programs send back the pictures of what they quote, beside those that she adds."""
    post(people, photo((400, 300)))
    (letter,) = due(people)
    (ours,) = [part.get_content() for part in letter.read.walk() if part.get_content_maintype() == "image"]
    hers = photo((320, 200))
    answer = EmailMessage()
    answer["From"], answer["To"] = "rose@home.example", "family@oak.example"
    answer["Message-ID"], answer["In-Reply-To"] = "<r@home.example>", letter.message_id
    answer.set_content("1 And this is ours!")
    answer.add_alternative('<p>1 And this is ours!</p><blockquote><img src="cid:a"></blockquote>', subtype="html")
    answer.get_payload()[1].add_related(ours, maintype="image", subtype="jpeg", cid="<a>")  # type: ignore[union-attr, index]
    answer.add_attachment(hers, maintype="image", subtype="jpeg", filename="ours.jpg")
    people.clock[0] = SUNDAY
    raw = answer.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw, sender="rose@home.example") == (250, "2.0.0")
    posted = message_from_bytes(people.content(people.posts()[-1].content_id), policy=policy.SMTP)
    sent = [part.get_content() for part in posted.walk() if part.get_content_maintype() == "image"]
    assert sent == [hers]
