"""Letters show the photos of a post and not its logos, nor what an answer sends back; the limited process looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import make_msgid
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from organic_mail.cleaning_posts import CleaningPosts
from organic_mail.picture_process import PictureProcess, WorkerNotStarted
from storage.models import DeliveryMode
from tests.organic_mail.test_cleaning import tnef
from tests.wire.community import Community, community
from tests.wire.letters import SUNDAY, Got, due, reads_letters, step

SIGNATURE = '<div class="gmail_signature"><img src="cid:logo"></div>'


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        yield made


def saved(image: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def scenery(seed: int, size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """A picture with shapes and many colours, another one for every seed."""
    down = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size)
    image = Image.merge("RGB", [down, across, Image.effect_noise(size, 40)])
    draw = ImageDraw.Draw(image)
    for number in range(9):
        left, top = (seed * 97 + number * 211) % size[0], (seed * 61 + number * 157) % size[1]
        draw.ellipse((left, top, left + size[0] // 4, top + size[1] // 4), fill=(number * 28, seed * 50 % 256, 90))
    return image


def logo(size: tuple[int, int] = (240, 80), noise: int = 0) -> bytes:
    image = Image.effect_noise(size, noise).convert("RGB") if noise else Image.new("RGB", size, "white")
    image.paste((0, 90, 40), (10, 10, size[0] // 3, size[1] - 10))
    return saved(image, "PNG")


def post(
    people: Community,
    html: str,
    shown: dict[str, bytes] | None = None,
    attached: tuple[bytes, ...] = (),
    *,
    author: str = "anna",
    answers: str = "",
) -> str:
    """Its Message-ID. shown: Content-ID → a picture beside the HTML."""
    message = EmailMessage()
    message["From"], message["To"] = f"{author}@home.example", "family@oak.example"
    message["Subject"] = "Re: Back from the lake" if answers else "Back from the lake"
    message["Message-ID"] = message_id = make_msgid(domain="home.example")
    if answers:
        message["In-Reply-To"] = message["References"] = answers
    message.set_content(html, subtype="html")
    for content_id, data in (shown or {}).items():
        subtype = "png" if data.startswith(b"\x89PNG") else "gif" if data.startswith(b"GIF") else "jpeg"
        message.add_related(data, "image", subtype, cid=f"<{content_id}>", disposition="inline")
    for number, data in enumerate(attached):
        message.add_attachment(data, maintype="image", subtype="jpeg", filename=f"photo{number}.jpg")
    raw = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw, sender=f"{author}@home.example") == (250, "2.0.0")
    return message_id


def pictures(letter: Got) -> list[bytes]:
    return [part.get_content() for part in letter.read.walk() if part.get_content_maintype() == "image"]


def test_a_photo_is_shown_and_a_logo_is_not(people: Community) -> None:
    pixel = saved(Image.new("P", (1, 1)), "GIF")
    shown = {"photo": saved(scenery(1)), "small": logo(), "logo": logo((900, 400), noise=70), "pixel": pixel}
    post(people, f'<p>Look!</p><img src="cid:photo"><img src="cid:small"><img src="cid:pixel">{SIGNATURE}', shown)
    (letter,) = due(people)
    assert len(pictures(letter)) == 1
    assert "There is 1 photo." in letter.text
    assert "photos 1" not in letter.text


def test_a_banner_that_always_comes_is_none(people: Community) -> None:
    banner = logo((600, 200), noise=60)
    assert len(banner) > 20_000
    for number in range(2):
        post(people, f'<p>Hello {number}</p><img src="cid:banner">', {"banner": banner})
    (letter,) = due(people)
    assert len(pictures(letter)) == 2
    people.clock[0] = step(hours=2)
    post(people, '<p>Hello again</p><img src="cid:banner"><img src="cid:photo">',
         {"banner": banner, "photo": saved(scenery(2))})  # fmt: skip
    (letter,) = due(people, step(days=1))
    assert len(pictures(letter)) == 1


def test_our_own_photo_is_not_shown_again(people: Community) -> None:
    photo = scenery(3)
    first = post(people, "<p>The heron!</p>", attached=(saved(photo, quality=90),))
    sent_back = saved(photo.resize((640, 480)), quality=60)
    post(people, "<p>And ours</p>", attached=(sent_back, saved(scenery(8))), author="tom", answers=first)
    (letter,) = due(people)
    assert letter.text.count("There is 1 photo.") == 2
    assert len(pictures(letter)) == 2


def test_a_photo_of_long_ago_is_known_when_it_comes_back(people: Community) -> None:
    """Nobody had letters when it was new, so nobody has looked at it."""
    photo = scenery(9)
    reads_letters(people, "rose", DeliveryMode.NONE)
    first = post(people, "<p>The heron!</p>", attached=(saved(photo, quality=90),))
    for _ in range(3):
        post(people, "<p>How lovely</p>", author="tom", answers=first)
    people.clock[0] = step(days=1)
    reads_letters(people, "rose")
    post(
        people,
        "<p>It is back</p>",
        attached=(saved(photo.resize((640, 480)), quality=60),),
        author="tom",
        answers=first,
    )
    (letter,) = due(people, step(days=2))
    assert "It is back" in letter.text
    assert pictures(letter) == []


def test_a_line_beside_a_photo_stands_below_it(people: Community) -> None:
    html = '<p>We are back.<br>It was cold.</p><img src="cid:a"><p>The old jetty.</p><img src="cid:b"><p>The heron.</p>'
    post(people, html, {"a": saved(scenery(4)), "b": saved(scenery(5))})
    (letter,) = due(people)
    assert "There are 2 photos. The old jetty. The heron." in letter.text
    assert letter.text.count("The old jetty.") == letter.html.count("The old jetty.") == 1
    assert "We are back.\nIt was cold." in letter.text


def test_what_outlook_packed_is_shown_once_a_copy_was_made(people: Community) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "anna@home.example", "family@oak.example", "From Outlook"
    message["Message-ID"] = "<outlook@home.example>"
    message.set_content("Look!")
    packed = tnef(("letter.pdf", b"%PDF-1.4"), ("photo.jpg", saved(scenery(7))))
    message.add_attachment(packed, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    raw = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw) == (250, "2.0.0")
    (post,) = people.posts()

    async def clean() -> None:
        cleaning = CleaningPosts(people.database, lambda: SUNDAY)
        await cleaning.clean(post.content_id, raw, lambda *_: None)

    asyncio.run(clean())
    (letter,) = due(people)
    assert len(pictures(letter)) == 1
    assert "With it came: letter.pdf." in letter.text


def test_who_cannot_look_goes_by_place_and_size(people: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*_: object, **__: object) -> tuple[bytes, bytes]:
        raise WorkerNotStarted("no more processes")

    shown = {"small": logo(), "large": saved(scenery(6))}
    post(people, '<p>Look!</p><img src="cid:small"><img src="cid:large">', shown)
    monkeypatch.setattr(PictureProcess, "ask", ask)
    (letter,) = due(people)
    assert "There is 1 photo. To get all photos, press Reply and write: photos 1" in letter.text
