"""What to publish in DNS so that mail to and from the community's domain is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

TXT_PIECE = 255  # octets of one character-string of a TXT record (RFC 1035 §3.3.14, §3.3)


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record. `name` has no dot at its end; `value` of a TXT record is the whole text, in one piece."""

    name: str
    type: str
    value: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def as_zone_line(self) -> str:
        """The record as a line of a zone file (RFC 1035 §5.1)."""
        value = " ".join(f'"{piece}"' for piece in _pieces(self.value)) if self.type == "TXT" else self.value
        return f"{self.name}. IN {self.type} {value}"


def _pieces(text: str) -> list[str]:
    return [text[start : start + TXT_PIECE] for start in range(0, len(text), TXT_PIECE)]


def dkim_name(selector: str, domain: str) -> str:
    return f"{selector}._domainkey.{domain}"  # RFC 6376 §3.6.2.1


def dkim_value(public_key: str) -> str:
    """The record of one selector (RFC 6376 §3.6.1); `public_key` is base64 of DER, "" for a key that is revoked."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def sts_policy(domain: str) -> str:
    """What https://mta-sts.DOMAIN/.well-known/mta-sts.txt says (RFC 8461 §3.2): encrypt, and report where you cannot.

    Its mode is "testing", because a certificate that was renewed too late must not cost a post.
    """
    return f"version: STSv1\r\nmode: testing\r\nmx: {domain}\r\nmax_age: 604800\r\n"


def dns_records(
    domain: str, keys: Sequence[tuple[str, str]], *, smarthost: str = "", policy_host: str = ""
) -> list[DnsRecord]:
    """All records for `domain`, whose machine has that name too.

    keys: (selector, public key) of each selector to publish; smarthost: the host that sends for us and has to be
    allowed, "" where our own machine does; policy_host: who serves `sts_policy`, "" where nobody does.
    """
    also = f" a:{smarthost}" if smarthost else ""
    return [
        DnsRecord(domain, "MX", f"10 {domain}."),
        DnsRecord(domain, "TXT", f"v=spf1 mx{also} ~all"),  # RFC 7208 §4.5
        *(DnsRecord(dkim_name(selector, domain), "TXT", dkim_value(public)) for selector, public in keys),
        DnsRecord(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"),  # RFC 9989
        DnsRecord(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"),  # RFC 8460 §3
        *(_sts_records(domain, policy_host) if policy_host else ()),
    ]


def _sts_records(domain: str, policy_host: str) -> tuple[DnsRecord, DnsRecord]:
    """RFC 8461 §3.1: the id changes when the policy does."""
    identity = hashlib.sha256(sts_policy(domain).encode()).hexdigest()[:20]
    return (
        DnsRecord(f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={identity}"),
        DnsRecord(f"mta-sts.{domain}", "CNAME", f"{policy_host}."),
    )
