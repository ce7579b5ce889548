"""Answers as ten mail programs send them, with the fields that those write and the whole of what they quote.

Nothing of the quote is made up: it is the copy that Rose got.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage

from tests.bench import written_clients as clients
from tests.bench import written_webmail as webmail
from tests.bench.written_parts import Wording

ROSE = "Rose Okafor <rose@home.example>"
PHOTO = base64.encodebytes(b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;")


@dataclass(frozen=True, slots=True)
class Program:
    """`text` and `page` write MIME parts. `fields` are those that it adds, many of them with her address."""

    language: str
    text: Callable[[Wording], bytes] | None
    page: Callable[[Wording], bytes] | None
    fields: Mapping[str, str]
    boundary: str = "=_b"
    has_references: bool = True

    def answer(self, wording: Wording, asked: EmailMessage, subject: str, number: int) -> bytes:
        """A whole mail, to whom Reply in the copy `asked` goes."""
        fields = {
            "Received": f"from rose.home.example (rose@home.example [203.0.113.9]) by mx.home.example; {asked['Date']}",
            "From": ROSE,
            "To": str(asked["Reply-To"]),
            "Subject": subject,
            "Date": str(asked["Date"]),
            "Message-ID": f"<answer-{number}@mail.example>",
            "In-Reply-To": str(asked["Message-ID"]),
            "References": f"{asked['References']} {asked['Message-ID']}" if self.has_references else "",
            "MIME-Version": "1.0",
            **self.fields,
        }
        header = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return header.encode() + self._content(wording)

    def _content(self, wording: Wording) -> bytes:
        parts = [write(wording) for write in (self.text, self.page) if write]
        if len(parts) == 1:
            return parts[0]
        mark = self.boundary.encode()
        joined = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts)
        return (
            b'Content-Type: multipart/alternative; boundary="' + mark + b'"\r\n\r\n' + joined + b"--" + mark + b"--\r\n"
        )


GMAIL = {
    "DKIM-Signature": "v=1; a=rsa-sha256; c=relaxed/relaxed; d=home.example; s=20230601; h=to:subject; bh=x; b=y",
    "X-Google-DKIM-Signature": "v=1; a=rsa-sha256; c=relaxed/relaxed; d=1e100.example; s=20230601; bh=x; b=y",
    "X-Gm-Message-State": "AOJu0YxK",
    "X-Received": "by 2002:a05:6512 with SMTP id rose@home.example; Sun, 22 Nov 2026 08:00:00 -0800 (PST)",
    "X-Google-Original-From": ROSE,
}
OUTLOOK = {
    "Thread-Topic": "Lake",
    "Accept-Language": "de-DE, en-US",
    "X-MS-Has-Attach": "",
    "X-MS-TNEF-Correlator": "<answer@home.example>",
    "X-MS-Exchange-Organization-AuthSource": "rose@home.example",
    "x-ms-exchange-messagesentrepresentingtype": "1",
    "X-OriginatorOrg": "rose@home.example",
    "X-Originating-IP": "[203.0.113.9]",
}
PROGRAMS = {
    "Gmail on the web": Program("en", webmail.gmail_wrapped, webmail.gmail_html, GMAIL, "000000000000a1b2c3d4e5f6a7b8"),
    "Gmail's app": Program("de", webmail.gmail_wrapped, webmail.gmail_html, GMAIL, "0000000000000f1e2d3c4b5a6978"),
    "Apple Mail": Program(
        "sv",
        clients.apple_mail_top,
        clients.apple_mail_html,
        {
            "Mime-Version": "1.0 (Mac OS X Mail 16.0 \\(3826.400.131\\))",
            "MIME-Version": "",
            "X-Mailer": "Apple Mail (2.3826.400.131)",
            "X-Smtp-Server": "smtp.home.example:rose@home.example",
            "X-Universally-Unique-Identifier": "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
        },
        "Apple-Mail=_3F2504E0-4F89-11D3-9A0C-0305E82C3301",
    ),
    "iPhone": Program(
        "fr",
        clients.iphone,
        clients.iphone_html,
        {"Mime-Version": "1.0 (1.0)", "MIME-Version": "", "X-Mailer": "iPhone Mail (22G86)"},
        "Apple-Mail-3F2504E0-4F89-11D3-9A0C-0305E82C3301",
        has_references=False,
    ),
    "Outlook on a desk": Program(
        "es",
        clients.outlook,
        clients.outlook_html,
        {**OUTLOOK, "X-Mailer": "Microsoft Outlook 16.0", "Thread-Index": "AQHcW1hSAAAB"},
        "----=_NextPart_000_0012_01DC5B60.B4A2F1E0",
    ),
    "Outlook on the web": Program(
        "nl",
        clients.outlook_web,
        clients.outlook_web_html,
        {**OUTLOOK, "msip_labels": "", "x-ms-exchange-calendar-originator-id": "rose@home.example"},
        "_000_AM0PR01MB1234rosehomeexample_",
    ),
    "Outlook on a phone": Program(
        "it", clients.outlook_mobile, clients.outlook_mobile_html, OUTLOOK, "_000_DB9PR02MB5678rosehomeexample_"
    ),
    "Yahoo": Program(
        "pt",
        webmail.yahoo,
        webmail.yahoo_html,
        {
            "X-Sonic-MF": "<rose@home.example>",
            "X-Sonic-ID": "8a9b",
            "X-Mailer": "WebService/1.1.24866 YMailNorrin",
            "Reply-To": ROSE,
        },
        "----=_Part_1234567_89012345.1795420000000",
    ),
    "GMX": Program(
        "de",
        None,
        webmail.gmx_html,
        {
            "X-Priority": "3",
            "Importance": "normal",
            "Sensitivity": "Normal",
            "X-Provags-ID": "V03:K1:rose@home.example",
            "X-UI-Message-Type": "mail",
            "UI-OutboundReport": "notjunk:1;M01:P0:rose@home.example",
        },
    ),
    "Thunderbird": Program(
        "pl",
        clients.thunderbird_bottom,
        None,
        {
            "User-Agent": "Mozilla Thunderbird",
            "Content-Language": "pl",
            "X-Identity-Key": "rose@home.example",
            "Disposition-Notification-To": ROSE,
            "Return-Receipt-To": ROSE,
        },
    ),
}
