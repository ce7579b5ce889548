"""Where mail programs say in their HTML that something is quoted, signed or hidden (spec/people.md §1.1)."""

from __future__ import annotations

import re
from enum import Enum

_PREFIX = re.compile(r"^(?:x_|m_-?\d+|ecx|ydp[0-9a-f]{8})+")  # programs rename the classes and ids of what they quote


class Effect(Enum):
    QUOTE = "quote"  # all of it was quoted
    CONTAINER = "container"  # the answered message is in here, perhaps with answers between its quotes
    REST = "rest"  # from here to the end is the answered message
    HEAD = "head"  # its header lines; behind them, to the end, it is the answered message
    ATTRIBUTION = "attribution"
    SIGNATURE = "signature"


_CLASSES = {
    "gmail_quote": Effect.CONTAINER,
    "gmail_quote_container": Effect.CONTAINER,
    "yahoo_quoted": Effect.CONTAINER,
    "protonmail_quote": Effect.CONTAINER,
    "tutanota_quote": Effect.CONTAINER,
    "zmail_extra": Effect.CONTAINER,
    "ms-outlook-mobile-reference-message": Effect.CONTAINER,
    "mail_android_quote": Effect.CONTAINER,
    "missive_quote": Effect.CONTAINER,
    "outlookmessageheader": Effect.HEAD,
    "gmail_attr": Effect.ATTRIBUTION,
    "airmail_on": Effect.ATTRIBUTION,
    "airmail_ext_on": Effect.ATTRIBUTION,
    "moz-cite-prefix": Effect.ATTRIBUTION,
    "gmail_signature": Effect.SIGNATURE,
    "moz-signature": Effect.SIGNATURE,
    "protonmail_signature_block": Effect.SIGNATURE,
    "ms-outlook-mobile-signature": Effect.SIGNATURE,
    "k9mail-signature": Effect.SIGNATURE,
    "bloop_sign": Effect.SIGNATURE,
    "signature": Effect.SIGNATURE,
}
_IDS = {
    "divrplyfwdmsg": Effect.HEAD,
    "appendonsend": Effect.REST,
    "mail-editor-reference-message-container": Effect.CONTAINER,
    "olk_src_body_section": Effect.CONTAINER,
    "_originalcontent": Effect.CONTAINER,
    "reply-intro": Effect.ATTRIBUTION,
    "composer_signature": Effect.SIGNATURE,
    "_signatureplaceholder": Effect.SIGNATURE,
    "signature": Effect.SIGNATURE,
    "applemailsignature": Effect.SIGNATURE,
    "ms-outlook-mobile-signature": Effect.SIGNATURE,
    "ymail_android_signature": Effect.SIGNATURE,
}
_NAMES = {  # GMX and Web.de; Spark
    "quote": Effect.CONTAINER,
    "messagereplysection": Effect.CONTAINER,
    "messagesignaturesection": Effect.SIGNATURE,
}


def effect_of(tag: str, attributes: dict[str, str | None]) -> Effect | None:
    """What this element says about its content, None for nothing."""
    if tag == "blockquote":
        # People indent with the same element; then the program draws no border and says nothing of a quote.
        style = (attributes.get("style") or "").replace(" ", "").lower()
        indent = "border:none" in style and attributes.get("type") is None
        return None if indent else Effect.QUOTE
    for word in (attributes.get("class") or "").split():
        if (effect := _CLASSES.get(_PREFIX.sub("", word.lower()))) is not None:
            return effect
    name = _PREFIX.sub("", (attributes.get("id") or "").lower())
    if name.startswith("yahoo_quoted"):
        return Effect.CONTAINER
    return _IDS.get(name) or _NAMES.get((attributes.get("name") or "").lower() if tag == "div" else "")


def is_hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    if not style:
        return False
    plain = style.replace(" ", "").lower()
    return "display:none" in plain or "visibility:hidden" in plain or "mso-hide:all" in plain
