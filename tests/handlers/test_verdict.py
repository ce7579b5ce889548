"""The table of spec/mail.md §2.4, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dmarc import Unanswered
from handlers.incoming import Verdict
from handlers.verdict import Evidence, judge, settled, without_evidence

ALIGNED, UNVERIFIED, REFUSED, UNCERTAIN = Verdict.ALIGNED, Verdict.UNVERIFIED, Verdict.REFUSED, Verdict.UNCERTAIN
NONE, REJECT, QUARANTINE = "v=DMARC1; p=none", "v=DMARC1; p=reject", "v=DMARC1; p=quarantine"


class Names:
    """Everything below elm.example has one policy; a name that holds "silent" gives no answer."""

    def __init__(self, record: str) -> None:
        self._record = record

    def texts(self, name: str) -> tuple[bytes, ...]:
        if "silent" in name or self._record == "silent":
            raise Unanswered(name)
        return (self._record.encode(),) if self._record and name == "_dmarc.elm.example" else ()

    def exists(self, name: str) -> bool:
        return True


def dkim(domain: str, result: str = "pass") -> Evidence:
    return Evidence("dkim", domain, result)


def spf(domain: str, result: str = "pass") -> Evidence:
    return Evidence("spf", domain, result)


@pytest.mark.parametrize(
    ("evidence", "record", "verdict"),
    [
        # a pass that speaks for the author
        ([dkim("elm.example")], REJECT, ALIGNED),
        ([dkim("mail.elm.example")], REJECT, ALIGNED),
        ([spf("elm.example")], REJECT, ALIGNED),
        ([spf("bounce.elm.example")], REJECT, ALIGNED),
        ([dkim("elm.example")], "", ALIGNED),
        ([spf("bounce.elm.example")], "", ALIGNED),
        ([dkim("bulk.example"), dkim("elm.example"), spf("bulk.example")], REJECT, ALIGNED),
        ([dkim("elm.example", "fail"), spf("elm.example")], REJECT, ALIGNED),
        ([dkim("mail.elm.example")], REJECT + "; adkim=s", REFUSED),
        ([spf("mail.elm.example")], REJECT + "; aspf=s", REFUSED),
        ([dkim("mail.elm.example")], REJECT + "; aspf=s", ALIGNED),
        ([dkim("elm.example")], REJECT + "; adkim=s", ALIGNED),
        # nothing speaks for her
        ([], REJECT, REFUSED),
        ([], QUARANTINE, REFUSED),
        ([], NONE, UNVERIFIED),
        ([], "", UNVERIFIED),
        ([], REJECT + "; t=y", REFUSED),  # is then quarantine
        ([], QUARANTINE + "; t=y", UNVERIFIED),
        ([dkim("bulk.example"), spf("bulk.example")], REJECT, REFUSED),
        ([dkim("bulk.example"), spf("bulk.example")], NONE, UNVERIFIED),
        ([dkim("elm.example", "fail"), spf("elm.example", "softfail")], NONE, UNVERIFIED),
        ([dkim("elm.example", "policy"), spf("elm.example", "neutral")], QUARANTINE, REFUSED),
        ([dkim("elm.example", "permerror"), spf("elm.example", "permerror")], "", UNVERIFIED),
        # DNS trouble where it matters
        ([dkim("elm.example", "temperror")], REJECT, UNCERTAIN),
        ([spf("elm.example", "temperror")], NONE, UNCERTAIN),
        ([spf("mail.elm.example", "temperror")], "", UNCERTAIN),
        ([spf("elm.example", "fail")], "silent", UNCERTAIN),
        ([dkim("mail.elm.example")], "silent", UNCERTAIN),
        ([dkim("silent.elm.example")], REJECT, UNCERTAIN),
        # and where it does not
        ([dkim("elm.example"), spf("elm.example", "temperror")], REJECT, ALIGNED),
        ([dkim("elm.example", "temperror"), spf("elm.example")], REJECT, ALIGNED),
        ([dkim("elm.example")], "silent", ALIGNED),
        ([dkim("silent.elm.example"), dkim("mail.elm.example")], REJECT, ALIGNED),
        ([dkim("bulk.example", "temperror")], REJECT, REFUSED),
        ([dkim("mail.elm.example", "temperror")], REJECT + "; adkim=s", REFUSED),
        ([spf("", "temperror")], NONE, UNVERIFIED),
    ],
)
def test_the_table(evidence: list[Evidence], record: str, verdict: Verdict) -> None:
    assert judge("elm.example", evidence, Names(record), "oak.example").verdict is verdict


def test_our_own_signature_is_told() -> None:
    def signed(evidence: list[Evidence]) -> bool:
        return judge("oak.example", evidence, Names(""), "oak.example").signed_by_us

    assert signed([dkim("oak.example")])
    assert not signed([dkim("oak.example", "fail")])
    assert not signed([dkim("lists.oak.example")])
    assert not signed([spf("oak.example")])
    assert not signed([Evidence("dmarc", "oak.example", "pass")])


def test_what_was_found_is_told_in_one_line() -> None:
    evidence = [dkim("elm.example", "fail"), Evidence("spf", "bulk.example", "softfail", "no\r\nX: (host)\\ 192.0.2.1")]
    detail = judge("elm.example", evidence, Names(REJECT), "oak.example").detail
    assert detail == (
        "dkim=fail header.d=elm.example; spf=softfail (no??X: ?host?? 192.0.2.1) smtp.mailfrom=bulk.example; "
        "dmarc=fail (p=reject at elm.example) header.from=elm.example"
    )
    assert judge("elm.example", [dkim("elm.example")], Names(""), "").detail.endswith(
        "dmarc=pass header.from=elm.example"
    )


def test_without_an_author_nobody_is_believed() -> None:
    assert without_evidence("two (2) authors\n").verdict is UNVERIFIED
    assert without_evidence("two (2) authors\n").detail == "dmarc=permerror (two ?2? authors?)"


def test_settled_means_that_nothing_can_change_it() -> None:
    assert settled("elm.example", [dkim("bulk.example"), spf("elm.example")])
    assert not settled("elm.example", [dkim("mail.elm.example"), dkim("elm.example", "temperror")])


found = st.builds(
    Evidence,
    st.sampled_from(["dkim", "spf", "dmarc"]),
    st.text(max_size=20) | st.sampled_from(["elm.example", "a.elm.example", "", ".", "..", "oak.example"]),
    st.sampled_from(["pass", "fail", "temperror", "none"]) | st.text(max_size=9),
    st.text(max_size=200),
)


@given(st.text(max_size=20) | st.just("elm.example"), st.lists(found, max_size=8), st.text(max_size=30))
def test_it_never_raises_and_its_detail_is_one_printable_line(
    author: str, evidence: list[Evidence], record: str
) -> None:
    judged = judge(author, evidence, Names(record), "oak.example")
    assert judged.detail.isprintable()
    assert judged.detail.isascii()
