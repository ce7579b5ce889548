"""Where mail goes next: the host, how safe the way there must be, and how to log in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from organic_mail.config_values import Smarthost, is_loopback
from organic_mail.problem import Problem

AUTH_PARAMETER = ";AUTH="
"""What may stand behind the name of an account, and how to log in with it (after RFC 5092 §3.2)."""


class Tls(StrEnum):
    WHERE_OFFERED = "where offered"  # RFC 7435 §3
    STARTTLS = "starttls"  # RFC 3207, never without
    IMPLICIT = "implicit"  # RFC 8314 §3.3
    NEVER = "never"  # it was tried, and failed


@dataclass(frozen=True, slots=True)
class Login:
    """RFC 4954 §4. `mechanism`: "" for the first of PLAIN and LOGIN that is offered, or "XOAUTH2"."""

    name: str
    secret: str = field(repr=False)  # a password, or the access token of XOAUTH2
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class NextHop:
    host: str
    port: int
    tls: Tls
    verified: bool  # its certificate must be good for `host`
    login: Login | None = None
    address: str = ""  # where to dial when DNS has been asked already

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_mechanism(setting: str, account: str) -> tuple[str, str]:
    """The name of an account, and "XOAUTH2" where it logs in so, else "". Raises Problem that names `setting`."""
    name, _, mechanism = account.partition(AUTH_PARAMETER)
    if mechanism.upper() not in {"", "XOAUTH2"}:
        raise Problem(
            f"{setting}: {mechanism} is no way to log in that we know; leave out {AUTH_PARAMETER}{mechanism}, "
            f"or write {AUTH_PARAMETER}XOAUTH2"
        )
    return name, mechanism.upper()


def smarthost_hop(smarthost: Smarthost, secret: str) -> NextHop:
    """The fixed next hop. `secret`: the content of the password file, "" where none is named.

    The user `anna;AUTH=XOAUTH2` logs in with an access token. Raises Problem.
    """
    name, mechanism = read_mechanism("delivery.smarthost", smarthost.username)
    login = Login(name, secret, mechanism) if name else None
    here = is_loopback(smarthost.host)
    if smarthost.scheme == "smtps":
        tls = Tls.IMPLICIT
    elif smarthost.scheme == "submission" or (login is not None and not here):
        tls = Tls.STARTTLS  # a password never travels in the clear
    else:
        tls = Tls.WHERE_OFFERED
    # Nobody stands in between on this machine, where certificates are mostly self-made.
    return NextHop(smarthost.host, smarthost.port, tls, tls is not Tls.WHERE_OFFERED and not here, login)
