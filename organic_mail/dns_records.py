"""What to publish in DNS so that mail to and from the community's domain is believed."""

from __future__ import annotations

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
    """The record of one selector (RFC 6376 §3.6.1); `public_key` is base64 of DER."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def dns_records(domain: str, keys: Sequence[tuple[str, str]], *, smarthost: str = "") -> list[DnsRecord]:
    """All records for `domain`, whose machine has that name too. `keys`: (selector, public key) of each selector to
    publish; `smarthost`: the host that sends for us and has to be allowed, "" where our own machine does."""
    also = f" a:{smarthost}" if smarthost else ""
    return [
        DnsRecord(domain, "MX", f"10 {domain}."),
        DnsRecord(domain, "TXT", f"v=spf1 mx{also} ~all"),  # RFC 7208 §4.5
        *(DnsRecord(dkim_name(selector, domain), "TXT", dkim_value(public)) for selector, public in keys),
        DnsRecord(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"),  # RFC 9989
    ]
