"""The SPF test suite (RFC 7208) against our way of asking pyspf: its zones are served by a real name server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from organic_mail import spf_check
from tests.dns_server import DnsServer

CASES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2].parent / "shared/data/spf-rfc7208/cases.json").read_text(encoding="utf-8")
)
ASKED_FOR = {"TXT", "A", "AAAA", "MX", "PTR"}


def serve(server: DnsServer, zone: dict[str, list[Any]]) -> None:
    """A record of the old type SPF stands for a TXT record too, unless the name has a TXT entry of its own; a bare
    TIMEOUT is for every type that the name has no records of."""
    for name, entries in zone.items():
        pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
        has_text = any(kind == "TXT" for kind, _ in pairs)
        records: dict[str, list[Any]] = {}
        for listed, value in pairs:
            if listed == "SPF" and has_text:
                continue
            kind = "TXT" if listed == "SPF" else listed
            if value == "TIMEOUT":
                server.fail(name, kind)
            elif value != "NONE":
                records.setdefault(kind, []).append(written(kind, value))
        server.put(name, **records)
        if "TIMEOUT" in entries:
            for kind in ASKED_FOR - records.keys():
                server.fail(name, kind)


def written(kind: str, value: Any) -> Any:
    match kind:
        case "TXT":
            pieces = [value] if isinstance(value, str) else value
            return [piece.encode("latin-1") for piece in pieces] or [b""]
        case "MX":
            return f"{value[0]} {value[1].rstrip('.')}."
        case "CNAME" | "PTR":
            return value.rstrip(".") + "."
    return value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_suite(case: dict[str, Any], dns_server: DnsServer) -> None:
    serve(dns_server, case["zonedata"])
    test = case["test"]
    found = spf_check.check(test["host"], test["helo"], test["mailfrom"], dns_server.resolver())
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
    assert found.result in wanted, (test.get("description"), found)


def test_nothing_of_the_suite_is_missing() -> None:
    assert len(CASES) == 102
