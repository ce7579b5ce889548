from __future__ import annotations

from datetime import date

import pytest

from handlers.decide import decide
from handlers.incoming import Incoming
from handlers.outcome import Hold, Note, Publish
from handlers.route import Kind, Route
from handlers.token import VerpAddress
from storage.models import Post
from tests.handlers.letters import NOW, facts, letter

POST = Post(
    id=3,
    list_id=1,
    thread_id=1,
    content_id=5,
    author_name="Rose",
    message_id="<0@elm.example>",
    original_message_id="<0@elm.example>",
    subject="x",
    written_at=NOW,
    received_at=NOW,
    accepted_at=NOW,
)


def outcome(post=None, **fields):
    plain = letter(**fields)
    route = Route(Kind.BOUNCE, "b-k1x@oak.example", bounce=VerpAddress(7, 5, date(2026, 11, 20)))
    incoming = Incoming(plain.envelope, plain.message, plain.authentication, route)
    return decide(incoming, facts(incoming, bounced_post=post), NOW)


@pytest.mark.parametrize("fields", [{"sender": ""}, {"content_type": "multipart/report; boundary=b"}])
def test_a_bounce_is_kept_and_told_apart_by_its_address(fields):
    (note,) = outcome(**fields, **{"from": "MAILER-DAEMON (Mail Delivery System)"}).actions
    assert isinstance(note, Note)
    assert (note.kind, note.member_id, note.keep) == ("bounced", 7, True)


def test_an_out_of_office_is_no_bounce():
    (note,) = outcome(auto_submitted="auto-replied").actions
    assert (note.kind, note.keep) == ("dropped", False)


def test_a_person_who_answers_there_answers_the_post():
    (post,) = outcome(POST).actions
    assert isinstance(post, Publish)
    assert post.in_reply_to == "<0@elm.example>"


def test_a_person_who_answers_a_notice_there_reaches_a_person():
    (hold,) = outcome().actions
    assert isinstance(hold, Hold)
