"""The arguments of MAIL and RCPT, read strictly (RFC 5321 §4.1.1.2, §4.1.1.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from handlers.address import valid_mailbox
from handlers.reply import Reply

_PATH = re.compile(r'[ \t]*<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(?:[ \t]+(.*))?')
_BARE_POSTMASTER = "postmaster"  # RFC 5321 §4.1.1.3

_SYNTAX_OF_MAIL = Reply(501, "5.5.4", "Please write MAIL FROM:<address>")
_SYNTAX_OF_RCPT = Reply(501, "5.5.4", "Please write RCPT TO:<address>")
_UNKNOWN_PARAMETER = Reply(555, "5.5.4", "We do not know this parameter")  # RFC 5321 §4.1.1.11
_SOURCE_ROUTE = "We do not take source routes"
_NO_ADDRESS = "This is not an email address"
_WANTS_SMTPUTF8 = Reply(553, "5.6.7", "An address with such letters needs SMTPUTF8")  # RFC 6531 §3.5


class Refused(Exception):
    """The command cannot be taken; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class ReversePath:
    address: str  # "" is the null reverse-path
    smtputf8: bool
    size: int  # octets as declared (RFC 1870 §6), 0 when not


def reverse_path(argument: str) -> ReversePath:
    """The argument of MAIL. Raises Refused."""
    path, parameters = _path_and_parameters(argument, "FROM:", _SYNTAX_OF_MAIL)
    size = parameters.pop("SIZE", "0")
    body = parameters.pop("BODY", "7BIT").upper()
    smtputf8 = parameters.pop("SMTPUTF8", None)
    if parameters:
        raise Refused(_UNKNOWN_PARAMETER)
    if not (size.isascii() and size.isdigit() and len(size) <= 20):
        raise Refused(Reply(501, "5.5.4", "SIZE is a number of octets"))
    if body not in {"7BIT", "8BITMIME"}:
        raise Refused(Reply(501, "5.5.4", "BODY is 7BIT or 8BITMIME"))
    if smtputf8:
        raise Refused(Reply(501, "5.5.4", "SMTPUTF8 takes no value"))
    if path:
        _check_address(path, smtputf8=smtputf8 is not None, enhanced="5.1.7")
    return ReversePath(path, smtputf8 is not None, int(size))


def forward_path(argument: str, *, smtputf8: bool) -> str:
    """The argument of RCPT. Raises Refused."""
    path, parameters = _path_and_parameters(argument, "TO:", _SYNTAX_OF_RCPT)
    if parameters:
        raise Refused(_UNKNOWN_PARAMETER)
    if path.lower() != _BARE_POSTMASTER:
        _check_address(path, smtputf8=smtputf8, enhanced="5.1.3")
    return path


def _path_and_parameters(argument: str, keyword: str, syntax: Reply) -> tuple[str, dict[str, str]]:
    """The path without its brackets, and KEYWORD -> value; a parameter without a value has ""."""
    if argument[: len(keyword)].upper() != keyword:
        raise Refused(syntax)
    found = _PATH.fullmatch(argument, len(keyword))
    if found is None:
        raise Refused(syntax)
    parameters: dict[str, str] = {}
    for parameter in (found[2] or "").split():
        name, _, value = parameter.partition("=")
        if name.upper() in parameters:
            raise Refused(syntax)
        parameters[name.upper()] = value
    return found[1], parameters


def _check_address(address: str, *, smtputf8: bool, enhanced: str) -> None:
    if address.startswith("@"):
        raise Refused(Reply(553, enhanced, _SOURCE_ROUTE))
    if not smtputf8 and not address.isascii():
        raise Refused(_WANTS_SMTPUTF8)
    if not valid_mailbox(address, smtputf8=smtputf8):
        raise Refused(Reply(553, enhanced, _NO_ADDRESS))
