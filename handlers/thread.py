"""Which conversation a message belongs to: its subject without reply prefixes, and what Outlook calls it."""

from __future__ import annotations

import base64
import re
import unicodedata

from handlers.message import Message

# spec/people.md §1.1: how mail programs of many languages mark an answer and a forward.
_REPLY = (
    "re", "ré", "réf", "rép", "ref", "aw", "antw", "antwoord", "antwort", "sv", "vs", "rif", "ris", "res", "odp", "ynt",
    "vá", "vast", "atb", "απ", "σχετ", "отв", "відп", "на", "回复", "回覆", "答复", "答覆", "返信", "답장", "회신",
    "رد", "השב", "תשובה",
)  # fmt: skip
_REPLY_WITH_PARENT = ("r",)  # one letter: a prefix only where In-Reply-To says that it is an answer
_FORWARD = (
    "fwd", "fw", "wg", "tr", "rv", "enc", "doorst", "vb", "vl", "pd", "továbbítás", "i̇lt", "πρθ", "пересл",
    "转发", "轉寄", "転送", "전달", "הועבר",
)  # fmt: skip
_FORWARD_WITH_PARENT = ("i",)

_COUNTED = re.compile(r"[\[(]\d{1,4}[\])]|\^\d{1,4}|\*\d{1,4}")  # Re[2]: RE(3): Re^2: Re*3:
_LONGEST_PREFIX = 20
INDEX_ROOT = 22  # bytes: version, time, GUID; each answer adds five
_LONGEST_INDEX = 4096  # characters


def base_subject(subject: str, *, is_answer: bool = True) -> str:
    """*subject* without its reply and forward prefixes, folded for comparison; never for showing.

    With *is_answer* (In-Reply-To is there) the one-letter prefixes `R:` and `I:` count as well.
    """
    rest = _folded(subject)
    while (prefix := _prefix(rest, is_answer=is_answer)) is not None:
        rest = rest[prefix[1] :].lstrip()
    return rest.removesuffix("(fwd)").strip()  # RFC 5256 §2.1


def is_reply_subject(subject: str, *, is_answer: bool = True) -> bool:
    """Does the subject begin with a reply prefix, such as "Re:" or "AW:"?"""
    prefix = _prefix(_folded(subject), is_answer=is_answer)
    return prefix is not None and prefix[0] in (*_REPLY, *_REPLY_WITH_PARENT)


def is_forward_subject(subject: str, *, is_answer: bool = False) -> bool:
    """Does the subject begin with a forward prefix, such as "Fwd:" or "WG:"?"""
    prefix = _prefix(_folded(subject), is_answer=is_answer)
    return prefix is not None and prefix[0] in (*_FORWARD, *_FORWARD_WITH_PARENT)


def index_root(message: Message) -> str:
    """What all answers in one conversation of Outlook and Exchange share: the first 22 bytes of Thread-Index, base64.

    "" for none. Old Exchange servers send it without In-Reply-To and References (spec/people.md §1.3).
    """
    value = b"".join((message.raw_value("thread-index") or b"").split())[:_LONGEST_INDEX]
    try:
        index = base64.b64decode(value, validate=True)
    except ValueError:
        return ""
    return base64.b64encode(index[:INDEX_ROOT]).decode() if len(index) >= INDEX_ROOT else ""


def _folded(subject: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", subject).casefold().split())  # NFKC makes the full-width colon plain


def _prefix(folded: str, *, is_answer: bool) -> tuple[str, int] | None:
    """The prefix at the start and its length, colon included."""
    colon = folded.find(":", 0, _LONGEST_PREFIX)
    if colon < 1:
        return None
    word = _COUNTED.sub("", folded[:colon]).strip()
    known = word in _ALWAYS or (is_answer and word in _WITH_PARENT)
    return (word, colon + 1) if known else None


_ALWAYS = frozenset(_folded(word) for word in (*_REPLY, *_FORWARD))
_WITH_PARENT = frozenset((*_REPLY_WITH_PARENT, *_FORWARD_WITH_PARENT))
