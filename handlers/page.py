"""The few pages of the web part: large type, one button, nothing from anywhere else (spec/people.md §2.4)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from functools import cache

from handlers.facts import Host
from handlers.template import Text, templates, text_of
from storage.models import MailingList


def leave_page(mailing_list: MailingList, *, address: str, language: str) -> str:
    """Asks whether the mail shall stop. Showing it changes nothing: programs open links too (spec/mail.md §1.2 M6)."""
    values = {"title": mailing_list.title, "address": masked(address)}
    text = text_of("pages/leave", language, values)
    return _page(replace(text, paragraphs=text.paragraphs[:-1]), button=text.paragraphs[-1])


def left_page(host: Host, mailing_list: MailingList, *, address: str, language: str) -> str:
    """Says that it has stopped."""
    owner = "" if mailing_list.removed_at else host.shown(f"{mailing_list.name}-owner", language)
    values = {"title": mailing_list.title, "address": masked(address), "owner": owner}
    return _page(text_of("pages/left", language, values))


def unknown_page(host: Host) -> str:
    return _page(text_of("pages/unknown", host.language, {"domain": host.domain}))


def trouble_page(host: Host) -> str:
    return _page(text_of("pages/trouble", host.language, {}))


def content_security_policy() -> str:
    """Nothing is loaded, run or framed; only our own button sends something, and only to us."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def masked(address: str) -> str:
    """Enough for its owner to know it again (spec/mail.md §2.5): a forwarded mail shows the page to others."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _page(text: Text, *, button: str = "") -> str:
    return templates().get_template("page.html").render(text=text, style=_style(), button=button)


@cache
def _style() -> str:
    return templates().get_template("page.css").render()
