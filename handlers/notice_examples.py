"""An example of every notice, in each of its shapes: what previews show, tests count and translators read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import product

from handlers.notice import NoticeKind
from handlers.template import Value

Values = Mapping[str, Value]

READER = "Rose"
WRITTEN = "We sell three garden chairs and a small table. They are free for who fetches them."

_SUBJECT: Values = {"subject": "Garden sale"}
_ASKED: Values = {
    **_SUBJECT,
    "meaning": "post",
    "author": "Sven <sven@elm.example>",
    "recipient": "family@oak.example",
    "reason": "Every email to this list is read before it goes out.",
    "number": "3",
    "reminder": False,
    "days": 0,
    "written": True,
    "known": True,
}
_BACK: Values = {"domain": "elm.example", "said": "550 5.1.1 unknown"}
_PEER_ALARMS = ("other-key", "wrong-words", "rotation", "compromised", "broken")
_SPACE: Values = {
    "space": "Plum Street",
    "server": "pine.example",
    "other": "choir",
    "day": date(2026, 11, 27),
    "others": ("oak.example", "pine.example"),
    "at": "family-plum-street@oak.example",
}
_LAKE: Values = {"subject": "Lake video", "most": "10 MB"}
_ONE_FILM, _TWO_FILES = ("lake.mov (17 MB)", 1, True), ("map.pdf (12 MB), tree.pdf (14 MB)", 2, False)


def _shapes(**choices: tuple[Value, ...]) -> tuple[Values, ...]:
    """Every choice with every other."""
    return tuple(dict(zip(choices, chosen, strict=True)) for chosen in product(*choices.values()))


EXAMPLES: Mapping[NoticeKind, tuple[Values, ...]] = {
    NoticeKind.INVITATION: _shapes(inviter=("Anna",), members=(14, 2, 0)),
    NoticeKind.WELCOME: _shapes(
        posting=("members", "announce"),
        replies=("list", "author"),
        role=("member", "owner"),
        delivery=("each", "daily", "weekly", "none"),
        hour=(7,),
        voucher=("", "Anna"),
    ),
    NoticeKind.BACK: ({},),
    NoticeKind.GOODBYE: ({},),
    NoticeKind.WAITING: (_SUBJECT,),
    NoticeKind.PASSED_ON: (_SUBJECT,),
    NoticeKind.NOT_SURE: ({"said": "wekly", "meant": "weekly"},),
    NoticeKind.ASKED: (
        _ASKED,
        *({**_ASKED, "meaning": meaning} for meaning in ("join", "leave", "nothing")),
        {**_ASKED, "reminder": True, "written": False, "known": False},
        {**_ASKED, "days": 1},
        {**_ASKED, "days": 30, "reminder": True},
    ),
    NoticeKind.NOT_SHARED: _shapes(subject=("Garden sale",), reason=("", "We share sales in spring.")),
    NoticeKind.TOO_BIG: tuple(
        {**_LAKE, "files": files, "number": number, "is_film": is_film, "other": other}
        for files, number, is_film in (_ONE_FILM, _TWO_FILES)
        for other in ("", "Tom Okafor")
    ),
    NoticeKind.DID_YOU_WRITE: _shapes(
        subject=("Garden sale",), beginning=("", "I have three chairs."), reader=("", "Tom Okafor")
    ),
    NoticeKind.DO_YOU_LEAVE: ({},),
    NoticeKind.ALSO_YOU: _shapes(
        subject=("Lunch on Sunday",), other=("rosie.l@work.example",), reader=("", "Tom Okafor")
    ),
    NoticeKind.CONFIRM_JOINING: _shapes(vouched=(True, False)),
    NoticeKind.IS_MEMBER: ({},),
    NoticeKind.NOT_JOINED: _shapes(reason=("", "We are all from one street.")),
    NoticeKind.UNREACHED: ({"lost": "rose@old.example"},),
    NoticeKind.CAME_BACK: _shapes(
        person=("Tom",), lost=("tom@old.example",), full=(False, True), operator=("", "olu@example.org")
    ),
    NoticeKind.STILL_THERE: ({},),
    NoticeKind.MARKED_AS_SPAM: ({},),
    NoticeKind.COMPLAINED: ({"person": "Tom"},),
    NoticeKind.PRIVATE_LOST: _shapes(
        other=("Tom Okafor",),
        subject=("Only for you",),
        reason=("", "Tom Okafor takes no private mail from you just now. What you write to everyone still gets there."),
    ),
    NoticeKind.BLOCKED: ({"other": "Tom Okafor"},),
    NoticeKind.UNBLOCKED: ({"other": "Tom Okafor"},),
    NoticeKind.MANY_BACK: ({**_BACK, "sent": 30, "failed": 9},),
    NoticeKind.REFUSED: tuple({**_BACK, "number": number} for number in (1, 9)),
    NoticeKind.PAUSED: ({},),
    NoticeKind.CHANGED: tuple(
        {"delivery": delivery, "before": before, "hour": 7}
        for delivery, before in (("each", "daily"), ("daily", "weekly"), ("weekly", "each"), ("weekly", "none"))
    ),
    NoticeKind.DIRECTORY: _shapes(listed=(True, False), others=(0, 1, 9)),
    NoticeKind.LISTED: _shapes(listed=(True, False)),
    NoticeKind.HELP: _shapes(
        posting=("members", "announce"), role=("member", "owner"), lists=(("The family",), ("The family", "The garden"))
    ),
    NoticeKind.HELP_STRANGER: ({},),
    NoticeKind.RULES: _shapes(own=(True, False), open=(True, False)),
    NoticeKind.YOUR_DATA: _shapes(left_out=(0, 1, 30)),
    NoticeKind.FORGET: ({},),
    NoticeKind.CONFIRM_MOVING: ({},),
    NoticeKind.MOVED: ({},),
    NoticeKind.WHO_CAME: _shapes(person=("Sven Berg",), joined=(True, False)),
    NoticeKind.DAILY_NOTE: _shapes(number=(1, 7), waits=(True, False)),
    NoticeKind.TAKEN_BACK: (
        {**_SUBJECT, "space": "", "was_held": False},
        {**_SUBJECT, "space": "Plum Street", "was_held": False},
        {**_SUBJECT, "space": "", "was_held": True},
    ),
    NoticeKind.REPLACED: _shapes(subject=("Garden sale",), space=("", "Plum Street")),
    NoticeKind.UNCHANGED: _shapes(why=("others", "unknown", "empty", "waits", "often"), most=(20,)),
    NoticeKind.MAY_TRAVEL: _shapes(
        subject=("Garden sale",),
        space=("Plum Street",),
        others=(("pine.example", "birch.example"),),
        shown=(READER,),
        repeats=(False, True),
    ),
    NoticeKind.STAYED_HOME: _shapes(
        subject=("Garden sale",),
        space=("Plum Street",),
        why=("never", "answer", "encrypted", "size", "address", "unreadable", "later"),
        most=(20,),
    ),
    NoticeKind.SHARING: _shapes(share=("always", "never", "ask"), spaces=((), ("Plum Street",))),
    NoticeKind.HOME_AWAY: _shapes(space=("Plum Street",), server=("pine.example",), left=(True, False)),
    NoticeKind.SPACE_JOINS: (_SPACE,),
    NoticeKind.SPACE_NEW: (_SPACE,),
    NoticeKind.SPACE_ASKED: (
        {**_SPACE, "list": "choir", "command": "organic-mail space accept plum-street --list choir"},
    ),
    NoticeKind.PEER_ASKS: tuple(
        {"server": "pine.example", "community": "Pine", "key": "kzdvvj2umnduyauf", "by_code": by_code, "ours": ours}
        for by_code, ours in ((True, True), (True, False), (False, True), (False, False))
    ),
    NoticeKind.PEER_NEWS: _shapes(
        what=("active", "severed", "removed", "fork", "unproven", *_PEER_ALARMS),
        server=("pine.example",),
        reason=("Plum Street",),
    ),
    NoticeKind.REPORTED: (
        {"server": "pine.example", "subject": "Garden sale", "reason": "It sells something.", "number": "12"},
    ),
    NoticeKind.PROBE: ({},),
}
