"""Members' addresses in the lines that say who is quoted ("On Monday, Anna <anna@home.example> wrote:").

Only those lines are looked at: an address that a person wrote on purpose stays. HTML is read as the lines that it
shows. Everything is one pass over the text, and only when an address of a member is in it at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from handlers.address import AT_SIGN, LONGEST_DOMAIN, LONGEST_LOCAL, address_key
from handlers.shown_lines import Line, Mark, html_lines, text_lines

_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + "".join(map(chr, range(0x80, 0x100)))
_IN_LOCAL = _ALPHANUMERIC + "!#$%&'*+/=?^_`{|}~.-"
_IN_DOMAIN = _ALPHANUMERIC + ".-"
_PLAIN_LOCAL = re.compile("[A-Za-z0-9._+%\x80-\xff-]*\\Z")

_MOST_LINES = 3  # an attribution that a program wrapped goes on for so many lines
_LONGEST_END = 160  # characters between the address and the colon
_OPENING = ("<", "(", "[", "mailto:")
_SENTENCE_END = re.compile(r"[>)\]\"']*[.!?;](?:\s|\Z)")
_COLON = re.compile("(?::|\xef\xbc\x9a|：)[\\s*_\xc2\xa0]*\\Z")


def _as_seen(words: str) -> str:
    """A pattern for any of the words, as they look in UTF-8 that is read one octet for one character, too."""
    spellings = {spelling for word in words.split() for spelling in (word, word.encode("utf-8").decode("latin-1"))}
    return "|".join(sorted(map(re.escape, spellings), key=len, reverse=True))


_ALPHABETIC_VERB = r"(?:\b|(?<=[\x80-\xff]))(?:" + _as_seen(
    "wrote writes said schrieb geschrieben skrev skrifaði écrit ecrit escribió escribio escreveu scritto scrive "
    "schreef kirjoitti napisał napisała napsal napsala napísal írta scris yazdı написал написала пише пишет писал "
    "έγραψε"
) + ")"  # fmt: skip
_VERB = f"(?:{_ALPHABETIC_VERB}|{_as_seen('写道 寫道 작성')})"
_WROTE = re.compile(_VERB, re.IGNORECASE)
_WROTE_NEXT = re.compile(r"\W{0,4}(?:\S{1,3} )?" + _VERB, re.IGNORECASE)  # "anna@home.example a écrit :"
_WROTE_LAST = re.compile(_VERB + r"\s*\Z", re.IGNORECASE)  # "schrieb anna@home.example:"
_LABEL = re.compile(
    r"[\s*_\xc2\xa0|]*("
    + _as_seen(
        "From To Cc Bcc Reply-To Sender Von An Kopie Antwort De À A Para Cco Från Till Kopia Fra Til Da Van Aan "
        "Lähettäjä Vastaanottaja Od Do Komu Kopio От Кому Копия Από Προς 发件人 收件人 抄送 寄件者 收件者 差出人 宛先"
    )
    + r")[\s*_\xc2\xa0]*(?::|\xef\xbc\x9a|：)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's address in a text: where it stands and what is to stand there."""

    start: int
    end: int
    alias: str


def attributed_addresses(text: str, aliases: Mapping[str, str], *, html: bool) -> list[Shown]:
    """Those places of `text` where a member's address stands in an attribution line, in order.

    `aliases` maps address keys to addresses that may be seen. `text` is the decoded part, one character for each
    octet (Latin-1) unless its charset has wider units.
    """
    shown = _shown_addresses(text, aliases)
    if not shown:
        return []
    places = [(one.start, one.end) for one in shown]
    lines, marks = html_lines(text, places) if html else text_lines(text, places)
    return [one for one, mark in zip(shown, marks, strict=True) if _is_attribution(lines, mark)]


def _shown_addresses(text: str, aliases: Mapping[str, str]) -> list[Shown]:
    found: list[Shown] = []
    for sign in AT_SIGN.finditer(text):
        before = text[max(0, sign.start() - LONGEST_LOCAL) : sign.start()]
        local = before[len(before.rstrip(_IN_LOCAL)) :]
        behind = text[sign.end() : sign.end() + LONGEST_DOMAIN]
        domain = behind[: len(behind) - len(behind.lstrip(_IN_DOMAIN))].rstrip(".-")
        alias, length = _alias_of(local, domain, aliases)
        if alias and (not found or sign.start() - length >= found[-1].end):
            found.append(Shown(sign.start() - length, sign.end() + len(domain), alias))
    return found


def _alias_of(local: str, domain: str, aliases: Mapping[str, str]) -> tuple[str, int]:
    """What stands for the address, and how much of `local` belongs to it: `*anna` and `to=anna` may be "anna"."""
    plain = _PLAIN_LOCAL.search(local)
    shorter = plain[0] if plain else ""
    for written in dict.fromkeys((local, shorter, shorter.lstrip("._-"))):
        if written and (alias := aliases.get(address_key(f"{_read(unquote(written))}@{_read(domain)}"))):
            return alias, len(written)
    return "", 0


def _read(text: str) -> str:
    """Characters beyond ASCII that are octets of UTF-8 (RFC 6532 §3.1) become what they stand for."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _is_attribution(lines: list[Line], mark: Mark) -> bool:
    return _in_header_block(lines, mark) or _in_sentence(lines, mark)


def _in_header_block(lines: list[Line], mark: Mark) -> bool:
    """ "From: Anna <…>", or a further line of such a field that names several people."""
    line = lines[mark.line]
    for number in range(mark.line, max(-1, mark.line - 1 - 2 * _MOST_LINES), -1):
        at = lines[number]
        if not _goes_on(line, at):
            return False
        if label := _LABEL.match(at.text[:_LONGEST_END]):
            # An "A:" alone is an answer rather than the Italian "To:"
            return label[1] not in ("A", "a") or any(map(_LABEL.match, _texts_beside(lines, number)))
        goes_on = number > 0 and lines[number - 1].text[-9:].rstrip().endswith((",", ";"))
        if not goes_on and not at.text.startswith((" ", "\t")):
            return False
    return False


def _texts_beside(lines: list[Line], number: int) -> list[str]:
    return [line.text[:_LONGEST_END] for line in lines[max(0, number - 1) : number] + lines[number + 1 : number + 2]]


def _in_sentence(lines: list[Line], mark: Mark) -> bool:
    """A sentence that ends in a colon soon after the address, and has a verb of writing or is followed by a quote."""
    line = lines[mark.line]
    behind = line.text[mark.end : mark.end + _LONGEST_END + 1]
    last = mark.line
    while len(behind) <= _LONGEST_END and not _COLON.search(behind):
        last += 1
        if last > mark.line + _MOST_LINES or last >= len(lines) or not _goes_on(line, lines[last]):
            return False
        behind += " " + lines[last].text[:_LONGEST_END]
    if len(behind) > _LONGEST_END or _SENTENCE_END.match(behind):
        return False
    before = line.text[max(0, mark.start - 3 * _LONGEST_END) : mark.start]
    for number in range(mark.line - 1, max(-1, mark.line - 1 - _MOST_LINES), -1):
        if not _goes_on(line, lines[number]):
            break
        before = lines[number].text[-_LONGEST_END:] + " " + before
    if mark.in_tag or before.rstrip().endswith(_OPENING):
        return bool(_WROTE.search(behind) or _WROTE.search(before)) or _quote_follows(lines, last)
    return bool(_WROTE_NEXT.match(behind) or _WROTE_LAST.search(before))


def _goes_on(line: Line, other: Line) -> bool:
    return not other.is_blank and other.depth == line.depth


def _quote_follows(lines: list[Line], last: int) -> bool:
    following = (line for line in lines[last + 1 : last + 2 + _MOST_LINES] if not line.is_blank)
    return any(line.depth > lines[last].depth for line in list(following)[:1])
