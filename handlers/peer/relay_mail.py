"""A sealed post as the mail that goes from server to server, written and read (spec/federation.md §2.4).

The mail is the post: any mail program shows its author, subject, text and pictures. Only header fields are added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from urllib.parse import quote, unquote

from handlers.address import NoSingleAuthor, address_key, author_of
from handlers.header_field import header_field, mailbox_tokens, phrase_tokens, text_tokens
from handlers.message import Field, Message
from handlers.peer.control import Unreadable
from handlers.peer.hop import Hop, SignedHop
from handlers.peer.seal import Kind, PostKey, Scope, Seal, SealedPost, check_form
from handlers.peer.shape import NO_CONTENTS, Contents, contents_of
from handlers.peer.value import moment_text, read_domain, read_list_id, read_moment, read_number

VERSION = "1"
SEALED_KINDS = frozenset(Kind)
SENDER = "organic-relay"
"""The local part of From in what goes to other servers."""

_OURS = frozenset({"version", "type", "space", "post", "author", "consent", "seal", "path", "hop", "twin", "critical"})
_MIME = re.compile(r"mime-version|content-[a-z-]{1,40}")
_UNTRUE = frozenset({"content-length", "content-md5"})
_SEQ = re.compile(r"0|[1-9][0-9]{0,38}")  # a mail without a link has 128 random bits there
_LONGEST_VALUE = 980  # characters: a name of 80 in hexadecimal octets
_MOST_OTHERS = 4096  # bytes of fields that we do not know: who relays must not make a mail too large for the next one


@dataclass(frozen=True, slots=True)
class PostMail:
    """A sealed post on its way, with the hop that brought it. `critical`: what its sender says we must understand."""

    post: SealedPost
    hop: SignedHop
    version: str = VERSION
    critical: tuple[str, ...] = ()


def write_post_mail(post: SealedPost, hop: SignedHop, *, to: str, title: str) -> bytes:
    """Complete but for DKIM. `to`: the peer's address; `title`: of the space, for people who look at it."""
    seal = post.seal
    list_name = seal.list_id.strip("<>").partition(".")[0]
    author = f"{seal.name} ({list_name}, {seal.key.origin})"
    fields = [
        header_field("From", mailbox_tokens(author, f"{SENDER}@{hop.hop.sender}")),
        header_field("To", mailbox_tokens(title, to)),
        header_field("Subject", text_tokens(seal.subject)),
        header_field("Date", [format_datetime(seal.date)]),
        header_field("Message-ID", [seal.message_id]),
        *([header_field("In-Reply-To", [seal.in_reply_to])] if seal.in_reply_to else []),
        header_field("List-Id", [*phrase_tokens(title), seal.space]),
        b"Auto-Submitted: auto-generated\r\nPrecedence: list\r\n",
        header_field("Organic-Version", [VERSION]),
        header_field("Organic-Type", [seal.kind]),
        *sealed_header(post),
        header_field("Organic-Seal", _values(v=VERSION, k=post.key_id, h=post.digest, s=post.signature)),
        *([header_field("Organic-Twin", [seal.twin])] if seal.twin else []),
        post.others,
        header_field("Organic-Path", _in_pieces(hop.hop.path)),
        header_field(
            "Organic-Hop",
            _values(
                v=VERSION,
                k=hop.key_id,
                to=hop.hop.to,
                epoch=hop.hop.epoch,
                seq=str(hop.hop.seq),
                s=hop.signature,
            ),
        ),
    ]
    return b"".join(fields) + post.content


def sealed_header(post: SealedPost) -> list[bytes]:
    """Whose it is and for whom: what members' copies show, too."""
    seal, key = post.seal, post.seal.key
    named = _values(origin=key.origin, list=seal.list_id, id=key.post, rev=str(key.rev), date=moment_text(seal.date))
    later = {"to": seal.to_author, "reason": quote(seal.reason), "notify": "yes" if seal.notify else ""}
    for name, value in later.items():
        if value:
            named[-1] += ";"
            named += _values(**{name: value})
    return [
        header_field("Organic-Space", [f"{seal.space};", f"roster={seal.roster}"]),
        header_field("Organic-Post", named),
        header_field("Organic-Author", [f"{seal.author};", f'name="{quote(seal.name)}"']),
        header_field("Organic-Consent", _values(scope=seal.scope, keep=str(seal.keep), address=quote(seal.address))),
    ]


def read_post_mail(message: Message) -> PostMail:
    """What came, unjudged: no signature is looked at. Raises Unreadable for what no server of ours would write."""
    kind = one_field(message, "organic-type")
    if kind not in SEALED_KINDS:
        raise Unreadable(f"{kind[:40]!r} is no kind of post")
    seal = _read_seal(message, Kind(kind), NO_CONTENTS if kind == Kind.RETRACT else contents_of(message))
    check_form(seal)
    signed = _parameters(one_field(message, "organic-seal"))
    post = SealedPost(
        seal,
        key_id=_of(signed, "k"),
        digest=_of(signed, "h"),
        signature=_of(signed, "s"),
        content=_content(message),
        others=_others(message),
    )
    version, critical = read_version(message)
    return PostMail(post, read_hop(message, what=post.digest), version, critical)


def read_heading(message: Message) -> Seal:
    """What its header says, without a look at its contents, which may be large. Raises Unreadable."""
    kind = one_field(message, "organic-type")
    if kind not in SEALED_KINDS:
        raise Unreadable(f"{kind[:40]!r} is no kind of post")
    return _read_seal(message, Kind(kind), NO_CONTENTS)


def read_version(message: Message) -> tuple[str, tuple[str, ...]]:
    """The major version, and the names of what must be understood."""
    critical = message.value("organic-critical") or ""
    names = tuple(name for name in critical.lower().replace(",", " ").split() if name)
    return one_field(message, "organic-version"), names


def read_hop(message: Message, *, what: str) -> SignedHop:
    """Who sent it, by its From, and its number. Raises Unreadable."""
    values = _parameters(one_field(message, "organic-hop"))
    try:
        sender = address_key(author_of(message).address).rpartition("@")[2]
    except NoSingleAuthor as problem:
        raise Unreadable(problem.reason) from None
    seq = _of(values, "seq")
    if _SEQ.fullmatch(seq) is None:
        raise Unreadable("the number of the hop cannot be read")
    path = "".join(one_field(message, "organic-path").split())
    hop = Hop(read_domain(sender), read_domain(_of(values, "to")), _of(values, "epoch"), int(seq), what, path)
    return SignedHop(hop, _of(values, "k"), _of(values, "s"))


def one_field(message: Message, name: str) -> str:
    """Of a field that must be there once. Raises Unreadable."""
    if len(message.all(name)) != 1:
        raise Unreadable(f"there is not exactly one {name}")
    return message.value(name) or ""


def _read_seal(message: Message, kind: Kind, contents: Contents) -> Seal:
    space = _parameters(one_field(message, "organic-space"))
    post = _parameters(one_field(message, "organic-post"))
    author = _parameters(one_field(message, "organic-author"))
    consent = _parameters(one_field(message, "organic-consent"))
    if len(message.all("organic-twin")) > 1 or len(message.all("in-reply-to")) > 1:
        raise Unreadable("a field of the seal stands there twice")
    try:
        scope = Scope(_of(consent, "scope"))
    except ValueError:
        raise Unreadable("the scope cannot be read") from None
    return Seal(
        kind=kind,
        key=PostKey(read_domain(_of(post, "origin")), _of(post, "id"), read_number(_of(post, "rev"))),
        space=read_list_id(_of(space, "")),
        roster=read_number(_of(space, "roster")),
        list_id=read_list_id(_of(post, "list")),
        date=read_moment(_of(post, "date")),
        author=_of(author, ""),
        name=unquote(_of(author, "name")),
        scope=scope,
        keep=read_number(_of(consent, "keep")),
        address=unquote(_of(consent, "address")),
        subject=(message.value("subject") or "").strip(),
        message_id=message.message_id,
        in_reply_to=next(iter(message.in_reply_to), ""),
        contents=contents,
        twin=(message.value("organic-twin") or "").strip(),
        to_author=post.get("to", ""),
        notify=post.get("notify") == "yes",
        reason=unquote(post.get("reason", "")),
    )


def _others(message: Message) -> bytes:
    """Fields of the protocol's future, to be passed on as they are (spec/federation.md §2.11)."""
    passed_on = b""
    for field in message.fields:
        is_unknown = field.name.startswith("organic-") and field.name.removeprefix("organic-") not in _OURS
        if is_unknown or field.name == "organic-critical":
            line = _whole_line(message, field)
            passed_on += line if len(passed_on) + len(line) <= _MOST_OTHERS else b""
    return passed_on


def _content(message: Message) -> bytes:
    kept = [
        _whole_line(message, field)
        for field in message.fields
        if _MIME.fullmatch(field.name) and field.name not in _UNTRUE
    ]
    return b"".join((*kept, b"\r\n", message.body))


def _whole_line(message: Message, field: Field) -> bytes:
    line = message.field_bytes(field)
    return line if line.endswith(b"\n") else line + b"\r\n"


def _values(**named: str) -> list[str]:
    """`name=value;` tokens, the last one without its semicolon."""
    tokens = [f"{name}={value};" for name, value in named.items()]
    tokens[-1] = tokens[-1].removesuffix(";")
    return tokens


def _parameters(value: str) -> Mapping[str, str]:
    """`<space>; roster=7` → {"": "<space>", "roster": "7"}. Raises Unreadable where a name stands twice."""
    found: dict[str, str] = {}
    for place, piece in enumerate(value.split(";")):
        name, equals, text = piece.strip().partition("=")
        if not equals and place:
            raise Unreadable("a parameter has no value")
        key, shown = (name, text) if equals and not name.startswith("<") else ("", piece.strip())
        if key in found:
            raise Unreadable("a parameter stands there twice")
        found[key.strip()] = shown.strip().strip('"')
    return found


def _of(values: Mapping[str, str], name: str) -> str:
    value = values.get(name, "")
    if not value or len(value) > _LONGEST_VALUE:
        raise Unreadable(f"{name or 'a value'} is missing, or too long")
    return value


def _in_pieces(path: str) -> list[str]:
    """A path as words of a field, so that a long one can be folded."""
    first, *others = path.split("!")
    return [first, *(f"!{domain}" for domain in others)]
