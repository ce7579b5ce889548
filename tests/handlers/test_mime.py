"""Parts as spans of bytes, their parameters and texts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from handlers.encoded_word import base64_bytes
from handlers.field_value import field_text, unfolded
from handlers.message import MalformedMessage, Message, parse
from handlers.mime import Attachment, Part, attachments, decoded, is_opaque, parts, text
from handlers.mime_parameter import parameterised
from tests.growth import grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CORPUS = sorted(
    path for folder in DATA.glob("mime-*") for path in folder.iterdir() if path.name not in ("cases.json", "SOURCE.txt")
)
REFUSED = {
    "very-long-boundary",
    "very-very-long-boundary",
    "malformed__016",
    "thirdparty__005",
    "mixed_quoted_boundary",
}


def multipart(*pieces: str, kind: str = "mixed", boundary: str = "b1") -> bytes:
    body = "".join(f"--{boundary}\r\n{piece}\r\n" for piece in pieces)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{body}--{boundary}--\r\n'.encode()


def read(raw: bytes) -> tuple[Message, tuple[Part, ...]]:
    message = parse(raw)
    return message, parts(message)


def types(raw: bytes) -> list[str]:
    return [part.content_type for part in read(raw)[1]]


def test_a_message_without_mime_is_one_part() -> None:
    message, (root,) = read(b"From: a@b.c\r\n\r\nHello\r\n")
    assert (root.content_type, root.encoding, root.parent, root.depth) == ("text/plain", "7bit", None, 0)
    assert text(message, root) == "Hello\n"


def test_spans_of_the_parts() -> None:
    raw = multipart("Content-Type: text/html\r\n\r\n<p>one</p>", "\r\ntwo")
    message, (root, one, two) = read(raw)
    assert root.body_end == len(raw)
    assert raw[one.start : one.body_start] == b"Content-Type: text/html\r\n\r\n"
    assert raw[one.body_start : one.body_end] == b"<p>one</p>"
    assert raw[two.start : two.body_start] == b"\r\n"
    assert decoded(message, two) == b"two"
    assert (two.parent, two.depth) == (0, 1)


def test_nested_parts_in_document_order() -> None:
    inner = multipart("\r\na", "\r\nb", kind="alternative", boundary="b1-inner").decode()
    message, found = read(multipart(inner, "Content-Type: image/png\r\n\r\nx"))
    assert [part.parent for part in found] == [None, 0, 1, 1, 0]
    assert [text(message, part) for part in found[2:4]] == ["a", "b"]


def test_a_boundary_that_begins_like_another_one() -> None:
    inner = multipart("\r\na", kind="alternative", boundary="abcd").decode()
    raw = multipart(inner, "\r\nlast", boundary="abc")
    message, found = read(raw)
    assert [part.depth for part in found] == [0, 1, 2, 1]
    assert text(message, found[3]) == "last"
    assert types(b"Content-Type: multipart/mixed; boundary=abc\r\n\r\n--abc\r\n\r\nx\r\n--abcd\r\n--abc--\r\n") == [
        "multipart/mixed",
        "text/plain",
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Content-Type: multipart/mixed\r\n\r\nHello", ["multipart/mixed"]),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nHello", ["multipart/mixed"]),
        (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnever closed",
            ["multipart/mixed", "text/plain"],
        ),
        (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x  \r\n\r\na\r\n--x-- \t\r\n",
            ["multipart/mixed", "text/plain"],
        ),
        (b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n", ["multipart/mixed", "text/plain"]),
        (
            b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\n--x--",
            ["multipart/digest", "message/rfc822"],
        ),
        (
            b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
            ["message/rfc822"],
        ),
        (b"Content-Type: nonsense\r\n\r\nHello", ["text/plain"]),
        (b"Content-Type: TEXT/HTML; charset\r\n\r\nHello", ["text/html"]),
        (b"Content-Type: text\r\n\r\nHello", ["text/plain"]),
    ],
)
def test_broken_structure(raw: bytes, expected: list[str]) -> None:
    assert types(raw) == expected


def test_structure_over_the_caps_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="200 parts"):
        read(multipart(*["\r\nx"] * 200))
    assert len(read(multipart(*["\r\nx"] * 199))[1]) == 200
    nested = "".join(f"Content-Type: multipart/mixed; boundary=n{level}\r\n\r\n--n{level}\r\n" for level in range(21))
    with pytest.raises(MalformedMessage, match="20 levels"):
        read(nested.encode())
    with pytest.raises(MalformedMessage, match="boundary"):
        read(multipart("\r\nx", boundary="b" * 71))
    assert len(read(multipart("\r\nx", boundary="b" * 70))[1]) == 2


@pytest.mark.parametrize("almost", [b"\n--", b"\n--x y"])
def test_a_body_full_of_almost_boundaries_takes_linear_time(almost: bytes) -> None:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    assert grows_linearly(lambda count: read(head + almost * count), 100_000)


@pytest.mark.parametrize(
    ("encoding", "data", "expected"),
    [
        ("base64", "SGVsbG8=", b"Hello"),
        ("base64", "SGVs\r\nbG8", b"Hello"),
        ("BASE64;", "SG!Vs bG8=", b"Hello"),
        ("base64", "SGVsbG8=SGVsbG8=", b"HelloHello"),
        ("base64", "S", b""),
        ("quoted-printable", "a=C3=A4=\r\nb  \r\nc", b"a\xc3\xa4b\r\nc"),
        ("quoted-printable", "a=\r\n=ZZ=", b"a=ZZ"),
        ("8bit", "a", b"a"),
        ("x-strange", "a=41", b"a=41"),
    ],
)
def test_transfer_encodings(encoding: str, data: str, expected: bytes) -> None:
    message, (root,) = read(f"Content-Transfer-Encoding: {encoding}\r\n\r\n{data}".encode())
    assert decoded(message, root) == expected


@pytest.mark.parametrize(
    ("charset", "data", "expected"),
    [
        ("utf-8", "für".encode(), "für"),
        ("us-ascii", "für".encode(), "für"),
        ("us-ascii", "für".encode("latin-1"), "für"),
        ("iso-8859-1", b"caf\xe9 \x80", "café €"),
        ("nobody-knows-it", "für".encode(), "für"),
        ("gb2312", "朋友".encode("gb18030"), "朋友"),
        ("shift_jis", "家族".encode("cp932"), "家族"),
        ("utf-7", b"Hi Mom +Jjo-! +2AA-", "Hi Mom ☺! ?"),
        ("punycode", "für".encode(), "für"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("utf-8", "für".encode() + b"\xff" + "öäü".encode(), "für\ufffdöäü"),
        ("", b"\xef\xbb\xbfHello\r\n", "Hello\n"),
    ],
)
def test_charsets(charset: str, data: bytes, expected: str) -> None:
    message, (root,) = read(f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode() + data)
    assert text(message, root) == expected


def test_content_type_cases() -> None:
    right = 0
    cases = json.loads((DATA / "headers-content_type" / "cases.json").read_text()).values()
    for case in cases:
        named, parameters = parameterised(field_text(unfolded(case["header"].encode())))
        expected = case["expected"]
        if expected is None:
            right += "/" not in named.strip("/ ")
            continue
        wanted = "/".join(filter(None, (expected["c_type"], expected["c_subtype"]))).lower()
        attributes = {
            name: "".join(value.split())
            for name, value in expected.get("attributes") or ()
            if not name.endswith("-language")
        }
        read_attributes = {name: "".join(value.split()) for name, value in parameters.items()}
        right += "".join(named.split()).lower() == wanted and read_attributes == attributes
    assert right >= 46


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('a/b; filename="x;y \\"z\\".txt"', 'x;y "z".txt'),
        ("a/b; filename*=utf-8'de'f%C3%BCr.txt; filename=fuer.txt", "für.txt"),
        ("a/b; filename*1*=%BCr.txt; filename*0*=utf-8''f%C3", "für.txt"),
        ('a/b; filename*0=long; filename*1="name.txt"', "longname.txt"),
        ("a/b; filename=photo (1).jpg", "photo (1).jpg"),
        ("a/b; filename==?utf-8?q?f=C3=BCr?=.txt", "für.txt"),
        ('a/b; filename="never closed', "never closed"),
        ("a/b; filename=one; filename=two", "one"),
    ],
)
def test_parameters(value: str, expected: str) -> None:
    assert parameterised(value)[1]["filename"] == expected


def test_file_names_are_safe_to_show() -> None:
    raw = b'Content-Disposition: attachment; filename="..\\\\..\\\\evil\xe2\x80\xaegpj.exe"\r\n\r\nx'
    assert read(raw)[1][0].filename == "evilgpj.exe"


def test_signed_and_encrypted_parts_are_opaque() -> None:
    found = read(multipart(multipart("\r\na", kind="signed", boundary="s").decode(), "\r\nb"))[1]
    assert [is_opaque(found, index) for index in range(len(found))] == [False, True, True, False]
    assert is_opaque(read(b"Content-Type: application/pkcs7-mime\r\n\r\nx")[1], 0)


def test_attachments_are_what_is_no_text_shown() -> None:
    related = multipart(
        "Content-Type: text/html\r\n\r\n<img src=cid:a>",
        "Content-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA",
        kind="related",
        boundary="r",
    ).decode()
    raw = multipart(
        multipart("\r\nHello", related, kind="alternative", boundary="alt").decode(),
        'Content-Type: text/plain; name="notes.txt"\r\nContent-Disposition: inline\r\n\r\nnotes',
        "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nold",
        'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="a b.pdf"\r\n\r\npdf',
        "Content-Type: application/pgp-signature\r\n\r\nsig",
        "\r\nBye",
    )
    assert attachments(parse(raw)) == [
        Attachment("image.png", "image/png", 3),
        Attachment("notes.txt", "text/plain", 5),
        Attachment("message.eml", "message/rfc822", 17),
        Attachment("a b.pdf", "application/pdf", 3),
    ]
    assert attachments(parse(b"Content-Type: text/html\r\n\r\nx")) == []


def test_base64_pieces_one_after_the_other() -> None:
    assert base64_bytes(b"QQ==Qg==Qw") == b"ABC"
    assert base64_bytes(b"=" * 1000) == b""


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_real_mail_is_read_and_its_spans_tile(path: Path) -> None:
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    try:
        message = parse(raw)
        found = parts(message)
    except MalformedMessage:
        assert any(name in path.name for name in REFUSED)
        return
    check_tiling(message, found)
    for part in found:
        assert isinstance(text(message, part), str)
    attachments(message)


def check_tiling(message: Message, found: tuple[Part, ...]) -> None:
    raw = message.raw
    for part in found:
        assert 0 <= part.start <= part.body_start <= part.body_end <= len(raw)
        if part.parent is not None:
            parent = found[part.parent]
            assert parent.body_start <= part.start
            assert part.body_end <= parent.body_end
            assert part.depth == parent.depth + 1
    leaves = [part for index, part in enumerate(found) if not any(other.parent == index for other in found)]
    for before, after in pairwise(leaves):
        assert before.body_end <= after.start
    pieces, at = [], 0
    for leaf in leaves:
        pieces += [raw[at : leaf.start], raw[leaf.start : leaf.body_start], raw[leaf.body_start : leaf.body_end]]
        at = leaf.body_end
    assert b"".join([*pieces, raw[at:]]) == raw
    assert all(before.end <= after.start for before, after in pairwise(message.fields))
