"""DMARC by RFC 9989: records, the tree walk, whose policy applies, and who speaks for whom."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import dmarc
from handlers.dmarc import Record, Unanswered, Wish, aligned, organizational_domain, policy_of, read_record, tree_walk


class Zone:
    """TXT records at _dmarc names; `silent` names give no answer."""

    def __init__(self, records: dict[str, str | list[str]], *, silent: Sequence[str] = (), missing: Sequence[str] = ()):
        self._records = {
            f"_dmarc.{name}": [texts] if isinstance(texts, str) else texts for name, texts in records.items()
        }
        self._silent = silent
        self._missing = missing
        self.asked: list[str] = []

    def texts(self, name: str) -> tuple[bytes, ...]:
        self.asked.append(name)
        if name.removeprefix("_dmarc.") in self._silent:
            raise Unanswered(name)
        return tuple(text.encode() for text in self._records.get(name, ()))

    def exists(self, name: str) -> bool:
        if name in self._silent:
            raise Unanswered(name)
        return name not in self._missing


def wish(author: str, zone: Zone) -> str:
    policy = policy_of(author, zone)
    return policy.wish if policy else "no policy"


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1", Record()),
        ("v=DMARC1; p=reject", Record(Wish.REJECT, Wish.REJECT, Wish.REJECT)),
        ("v = DMARC1 ;p = Quarantine;", Record(Wish.QUARANTINE, Wish.QUARANTINE, Wish.QUARANTINE)),
        ("v=DMARC1; sp=none; p=reject", Record(Wish.REJECT, Wish.NONE, Wish.NONE)),
        ("v=DMARC1; p=none; np=reject", Record(Wish.NONE, Wish.NONE, Wish.REJECT)),
        (
            "v=DMARC1; p=none; adkim=s; aspf=S; psd=n; t=y",
            Record(psd="n", strict_dkim=True, strict_spf=True, testing=True),
        ),
        ("v=DMARC1; p=none; adkim=x; aspf=; psd=u; t=n", Record()),
        ("v=DMARC1; pct=50; rf=afrf; later=thing; p=reject", Record(Wish.REJECT, Wish.REJECT, Wish.REJECT)),
        ("v=DMARC1; nonsense; =; p=reject", Record(Wish.REJECT, Wish.REJECT, Wish.REJECT)),
        ("v=DMARC1; p=reject; p=none", Record(Wish.REJECT, Wish.REJECT, Wish.REJECT)),
        ("v=DMARC1; p=refuse", Record(usable=False)),
        ("v=DMARC1; p=reject; sp=refuse", Record(usable=False)),
        ("v=DMARC1; p=refuse; rua=mailto:d@oak.example", Record()),
        ("v=DMARC1; p=refuse; rua=, ,nobody", Record(usable=False)),
    ],
)
def test_reading_a_record(text: str, record: Record) -> None:
    assert read_record(text.encode()) == record


@pytest.mark.parametrize(
    "text",
    ["", "v=DMARC2; p=reject", "v=dmarc1; p=reject", "p=reject; v=DMARC1", "v=DMARC11", "v=spf1 -all", " v=DMARC1"],
)
def test_what_is_no_record(text: str) -> None:
    assert read_record(text.encode()) is None


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"v=DMARC1;" + tail))
def test_any_bytes_can_stand_in_dns(text: bytes) -> None:
    record = read_record(text)
    assert record is None or record.domain in Wish


def test_a_walk_of_a_long_name_asks_eight_times() -> None:
    """The example of RFC 9989 §4.10."""
    zone = Zone({})
    tree_walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", zone)
    assert zone.asked == [
        f"_dmarc.{name}"
        for name in (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            "g.h.i.j.mail.example.com",
            "h.i.j.mail.example.com",
            "i.j.mail.example.com",
            "j.mail.example.com",
            "mail.example.com",
            "example.com",
            "com",
        )
    ]


@given(st.integers(1, 120))
def test_no_walk_asks_more_often(labels: int) -> None:
    names = dmarc.targets(".".join(["a"] * labels))
    assert len(names) == min(labels, 8)
    assert names[-1] == "a"


def test_several_records_are_none() -> None:
    zone = Zone({"oak.example": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]})
    assert policy_of("oak.example", zone) is None
    assert wish("oak.example", Zone({"oak.example": ["v=spf1 -all", "v=DMARC1; p=reject"]})) == "reject"


def organisation(domain: str, zone: Zone) -> str:
    return organizational_domain(domain, tree_walk(domain, zone))


@pytest.mark.parametrize(
    ("domain", "records", "owner"),
    [
        # The examples of RFC 9989 §4.10.2 and Appendix B.4.
        ("a.mail.example.com", {"mail.example.com": "v=DMARC1", "example.com": "v=DMARC1"}, "example.com"),
        ("a.mail.example.com", {"mail.example.com": "v=DMARC1; psd=n", "example.com": "v=DMARC1"}, "mail.example.com"),
        ("a.mail.example.com", {"com": "v=DMARC1; psd=y"}, "example.com"),
        (
            "giant.bank.example",
            {"giant.bank.example": "v=DMARC1", "bank.example": "v=DMARC1; psd=y"},
            "giant.bank.example",
        ),
        (
            "mail.giant.bank.example",
            {"giant.bank.example": "v=DMARC1", "bank.example": "v=DMARC1; psd=y"},
            "giant.bank.example",
        ),
        ("mail.mega.bank.example", {"bank.example": "v=DMARC1; psd=y"}, "mega.bank.example"),
        ("bank.example", {"bank.example": "v=DMARC1; psd=y"}, "bank.example"),
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", {"example.com": "v=DMARC1"}, "example.com"),
        ("a.oak.example", {}, "a.oak.example"),
    ],
)
def test_the_organizational_domain(domain: str, records: dict[str, str], owner: str) -> None:
    assert organisation(domain, Zone(records)) == owner


@pytest.mark.parametrize(
    ("author", "records", "missing", "asked_for"),
    [
        ("oak.example", {"oak.example": "v=DMARC1; p=reject; sp=none"}, (), "reject"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=reject; sp=none"}, (), "none"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=quarantine"}, (), "quarantine"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=none; sp=none; np=reject"}, (), "none"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=none; sp=none; np=reject"}, ("a.oak.example",), "reject"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=reject; np=none"}, ("a.oak.example",), "none"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=reject; sp=quarantine"}, ("a.oak.example",), "quarantine"),
        ("oak.example", {"oak.example": "v=DMARC1; p=none; np=reject"}, ("oak.example",), "none"),
        # Its own record comes before the organization's, and the organization's before those between.
        ("a.oak.example", {"a.oak.example": "v=DMARC1; p=none", "oak.example": "v=DMARC1; p=reject"}, (), "none"),
        ("a.b.oak.example", {"b.oak.example": "v=DMARC1; p=none", "oak.example": "v=DMARC1; sp=reject"}, (), "reject"),
        # The public suffix's only where the organization has none.
        ("a.mega.bank.example", {"bank.example": "v=DMARC1; psd=y; p=none; sp=reject"}, (), "reject"),
        (
            "a.b.mega.bank.example",
            {"b.mega.bank.example": "v=DMARC1", "bank.example": "v=DMARC1; psd=y; sp=reject"},
            (),
            "reject",
        ),
        ("oak.example", {}, (), "no policy"),
        ("oak.example", {"oak.example": "v=DMARC1; p=refuse"}, (), "no policy"),
        # t=y asks for one level less.
        ("oak.example", {"oak.example": "v=DMARC1; p=reject; t=y"}, (), "quarantine"),
        ("oak.example", {"oak.example": "v=DMARC1; p=quarantine; t=y"}, (), "none"),
        ("oak.example", {"oak.example": "v=DMARC1; p=none; t=y"}, (), "none"),
        ("a.oak.example", {"oak.example": "v=DMARC1; p=none; sp=quarantine; t=y"}, (), "none"),
    ],
)
def test_which_policy_applies(author: str, records: dict[str, str], missing: tuple[str, ...], asked_for: str) -> None:
    assert wish(author, Zone(records, missing=missing)) == asked_for


def test_existence_is_asked_only_where_it_matters() -> None:
    assert (
        wish("a.oak.example", Zone({"oak.example": "v=DMARC1; p=reject; np=reject"}, silent=["a.oak.example."]))
        == "reject"
    )
    with pytest.raises(Unanswered):
        policy_of("a.oak.example", Zone({"oak.example": "v=DMARC1; p=none"}, silent=["a.oak.example"]))


def test_trouble_on_the_way_is_no_answer() -> None:
    with pytest.raises(Unanswered):
        policy_of("a.oak.example", Zone({"a.oak.example": "v=DMARC1; p=none"}, silent=["oak.example"]))


RELAXED = {"example.com": "v=DMARC1; p=none"}


@pytest.mark.parametrize(
    ("author", "other", "records", "strict", "speaks"),
    [
        ("news.example.com", "news.example.com", RELAXED, True, True),
        ("news.example.com", "foo.example.com", RELAXED, False, True),
        ("news.example.com", "foo.example.com", RELAXED, True, False),
        ("news.example.com", "foo.example.net", RELAXED, False, False),
        ("example.com", "news.example.com", RELAXED, False, True),
        ("news.example.com", "example.com", {**RELAXED, "news.example.com": "v=DMARC1; psd=n"}, False, False),
        ("giant.bank.example", "mail.giant.bank.example", {"bank.example": "v=DMARC1; psd=y"}, False, True),
        ("giant.bank.example", "mega.bank.example", {"bank.example": "v=DMARC1; psd=y"}, False, False),
        # Names that different people can register never align, whatever their parent publishes.
        ("anna.github.io", "mallory.github.io", {"github.io": "v=DMARC1; p=none"}, False, False),
        ("anna.co.uk", "mallory.co.uk", {"co.uk": "v=DMARC1; p=none; psd=n"}, False, False),
        ("anna.com", "com", {"com": "v=DMARC1; p=none"}, False, False),
    ],
)
def test_alignment(author: str, other: str, records: dict[str, str], strict: bool, speaks: bool) -> None:
    assert aligned(author, other, Zone(records), strict=strict, published=True) is speaks


@pytest.mark.parametrize(
    ("author", "other", "speaks"),
    [
        ("oak.example", "mail.oak.example", True),
        ("a.oak.co.uk", "b.oak.co.uk", True),
        ("oak.co.uk", "elm.co.uk", False),
        ("anna.github.io", "mallory.github.io", False),
        ("xn--hxajbheg2az3al.example", "example", False),
    ],
)
def test_without_any_policy_the_public_suffix_list_decides(author: str, other: str, speaks: bool) -> None:
    zone = Zone({})
    assert aligned(author, other, zone, strict=False, published=False) is speaks
    assert zone.asked == []


def test_strangers_cost_no_question() -> None:
    zone = Zone({}, silent=["com", "net", "example.com"])
    assert not aligned("example.com", "bulk.example.net", zone, strict=False, published=True)
    assert zone.asked == []
