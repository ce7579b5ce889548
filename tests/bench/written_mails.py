"""Answers as mail programs write them: program × language × style, each with the words that are the author's.

Made from what those programs send (spec/people.md §1.1), not from the code that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench import written_clients as clients
from tests.bench import written_webmail as webmail
from tests.bench.written_parts import Wording, languages, plain
from tests.bench.written_regional import filled_in, regional_texts


@dataclass(frozen=True, slots=True)
class Mail:
    language: str
    program: str
    style: str  # top, wrapped, bottom, inline, unquoted, interleaved, device, signature or plain
    raw: bytes
    original: str
    expected: str


def mails() -> Iterator[Mail]:
    for wording in languages():
        for (program, style), write in LAYOUTS.items():
            yield _mail(wording, program, style, write(wording))
        for device in wording.devices:
            text = "\n\n".join([*wording.answer, device])
            yield _mail(wording, f"“{device}”", "device", plain(text + "\n"))
    by_name = {wording.name: wording for wording in languages()}
    for each in regional_texts():
        wording = by_name[each["language"]]
        yield _mail(wording, each["program"], each["style"], plain(filled_in(each["text"], wording)))


def _mail(wording: Wording, program: str, style: str, content: bytes) -> Mail:
    raw = b"From: rose@elm.example\r\nSubject: Re: Lake\r\nMIME-Version: 1.0\r\n" + content
    return Mail(wording.name, program, style, raw, "\n".join(wording.letter), "\n\n".join(wording.answer))


LAYOUTS: dict[tuple[str, str], Callable[[Wording], bytes]] = {
    ("Gmail", "top"): webmail.gmail_top,
    ("Gmail", "wrapped"): webmail.gmail_wrapped,
    ("Gmail HTML", "top"): webmail.gmail_html,
    ("Gmail", "bottom"): webmail.gmail_bottom,
    ("Gmail", "inline"): webmail.gmail_inline,
    ("Gmail HTML", "inline"): webmail.gmail_html_inline,
    ("Gmail", "signature"): webmail.gmail_signature,
    ("Gmail HTML", "signature"): webmail.gmail_signature_html,
    ("Apple Mail", "top"): clients.apple_mail_top,
    ("Apple Mail", "inline"): clients.apple_mail_inline,
    ("Apple Mail HTML", "top"): clients.apple_mail_html,
    ("iPhone", "device"): clients.iphone,
    ("iPhone unmarked", "device"): clients.iphone_unmarked,
    ("iPhone HTML", "device"): clients.iphone_html,
    ("Outlook", "unquoted"): clients.outlook,
    ("Outlook HTML", "unquoted"): clients.outlook_html,
    ("Outlook web", "unquoted"): clients.outlook_web,
    ("Outlook web HTML", "unquoted"): clients.outlook_web_html,
    ("Outlook mobile", "device"): clients.outlook_mobile,
    ("Outlook mobile HTML", "device"): clients.outlook_mobile_html,
    ("Outlook Mac", "unquoted"): clients.outlook_mac,
    ("Outlook", "interleaved"): clients.outlook_interleaved,
    ("Outlook HTML", "interleaved"): clients.outlook_interleaved_html,
    ("AOL", "unquoted"): clients.dashed,
    ("Samsung", "device"): clients.samsung,
    ("Yahoo", "unquoted"): webmail.yahoo,
    ("Yahoo HTML", "top"): webmail.yahoo_html,
    ("GMX HTML", "top"): webmail.gmx_html,
    ("Thunderbird", "bottom"): clients.thunderbird_bottom,
    ("Thunderbird", "inline"): clients.thunderbird_inline,
    ("Thunderbird HTML", "top"): clients.thunderbird_html,
    ("Proton HTML", "top"): webmail.proton_html,
    ("K-9", "top"): clients.k9,
    ("Fastmail", "unquoted"): webmail.unquoted,
    ("any", "plain"): webmail.nothing_quoted,
    ("any", "signature"): webmail.signature_alone,
    ("any", "bottom"): clients.bottom_with_device,
}
