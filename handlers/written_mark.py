"""Recognisers for what mail programs write around a quote: copied headers, attributions, separators, device lines."""

from __future__ import annotations

import re

from handlers import written_words

LONGEST_DEVICE_LINE = 160
LONGEST_ADVERT = 60  # "Get Outlook for iOS", without its link


def _choice(words: str | tuple[str, ...]) -> str:
    listed = words.split() if isinstance(words, str) else words
    return "|".join(re.escape(word) for word in sorted(listed, key=len, reverse=True))


_KEY_KINDS = {word.casefold(): kind for kind, words in written_words.HEADER_KEYS.items() for word in words.split()}
_WROTE = re.compile(
    rf"(?<!\w)(?:{_choice(written_words.WROTE)})(?!\w)|{_choice(written_words.WROTE_INSIDE)}", re.IGNORECASE
)
_ORIGINAL = re.compile(_choice(written_words.ORIGINAL), re.IGNORECASE)
_MESSAGE = re.compile(_choice(written_words.MESSAGE), re.IGNORECASE)
_FORWARDED = re.compile(_choice(written_words.FORWARDED_INSIDE), re.IGNORECASE)

_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:@]@[^\s<>()\[\]\",;:@.]+\.?[^\s<>]")
_BRACKETED_ADDRESS = re.compile(r"[<(\[]\s*(?:mailto:)?\s*[^\s<>()\[\]@]{1,80}@[^\s<>()\[\]@]{1,120}")
_TIME = re.compile(r"(?<!\d)\d{1,2} ?[:.h] ?\d{2}(?!\d)|(?<!\d)\d{1,2} ?(?:am|pm|uhr)\b", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)\d{4}(?!\d)|(?<!\d)\d{1,4}[./-] ?\d{1,2}[./-] ?\d{2,4}|\d ?[年월]")
_CANNOT_BEGIN = re.compile(r"<|\d{1,2}[:.]\d\d(?!\d|[.]\d)|\d{4},? [^\d\s]")  # an address, a time, a year
_BEGINS_WITH_DATE = re.compile(r"(?:\S{1,20} ){0,3}\S?\d")
_AFTER_NAME = re.compile(  # "wrote on …", or a date without a word before it
    rf"(?:\S{{1,12}} ){{0,2}}(?:{_choice(written_words.WROTE)})(?!\w)|[于於]|\d{{1,2}} ", re.IGNORECASE
)
_STARTS_AS_DATE = re.compile(r"(?:\S{1,12} ){0,2}\d{1,4}[/.\- ]\S{1,12}[/.\- ]")
_KEYED = re.compile(r"[*_]{0,2}[^\W\d_][^:：<>@\d]{0,24}[:：]")
_SENTENCE_END = re.compile(r"(?:[^\d\s][.]|[!?:…。！？])$")
_RULE = re.compile(r"[-_=*~–—═─\s]{3,}")
_DASHES = "-_=*~–—> \t"

_PRODUCT = rf"(?:{_choice(written_words.PRODUCTS)})"
_EXCUSE = rf"(?:[ ,.;:–-]+\S{{0,20}} ?(?:{_choice(written_words.EXCUSES)}).{{0,80}})?"
_NAMES_DEVICE = re.compile(f"sent from my |{_PRODUCT}")  # casefolded: many times faster than IGNORECASE
_DEVICE = re.compile(
    r"[<(\[«„\"*_]{0,3}(?:"
    rf"sent from my [^,.;!?]{{1,50}}{_EXCUSE}"
    rf"|sent (?:from my|via the) [\w -]{{1,30}}, (?:an )?(?:at&t|{_PRODUCT})(?: [\w-]{{1,15}}){{0,3}} (?:smart)?phone"
    r"|yahoo mail: \w+, \w+, \w+"
    rf"|(?:{_choice(written_words.SENT_BEFORE)})[^,;!?]{{0,40}}?{_PRODUCT}[^,;!?]{{0,60}}?{_EXCUSE}"
    rf"|(?:{_choice(written_words.OPENERS)}|\S{{0,12}})[^,;!?]{{0,12}}{_PRODUCT}[^,;!?]{{0,30}}?"
    rf"(?:{_choice(written_words.SENT_AFTER)})"
    r")[>)\]»“\"*_.!]{0,3}",
    re.IGNORECASE,
)
_GET = re.compile(_choice(written_words.GET), re.IGNORECASE)
_OUTLOOK = re.compile(r"(?<![a-z])(?:outlook|bluemail)", re.IGNORECASE)
_SYSTEM = re.compile(r"(?<![a-z])(?:ios|android|windows|mac(?![a-z]))", re.IGNORECASE)
_LINK = re.compile(r"\]?\((?:https?|mailto):[^()\s]*\)|<(?:https?|mailto):[^<>\s]*>|https?://\S+")


def header_key(plain: str) -> str | None:
    """ "from", "sent", "to", "cc", "subject" or "other" when the line looks like a copied header line."""
    start = plain[:32].replace("：", ":")
    colon = start.find(":")
    if colon < 1:
        return None
    return _KEY_KINDS.get("".join(start[:colon].strip("*_ \t").casefold().split()).rstrip("."))


def is_keyed(plain: str) -> bool:
    """A word or two with a colon behind, as header lines of any language have it."""
    return _KEYED.match(plain) is not None


def has_bracketed_address(plain: str) -> bool:
    return _BRACKETED_ADDRESS.search(plain) is not None


def is_rule(plain: str) -> bool:
    """A line drawn of dashes or the like."""
    return _RULE.fullmatch(plain) is not None


def dashed_words(plain: str) -> str | None:
    """The words of "----- Original Message -----", None when the line has no dashes on both sides."""
    if len(plain) > 320 or plain[:1] not in _DASHES:
        return None
    inside = plain.strip(_DASHES)
    before = len(plain) - len(plain.lstrip(_DASHES))
    after = len(plain) - len(plain.rstrip(_DASHES))
    return inside if inside and before >= 3 and after >= 3 else None


def says_original(words: str) -> bool:
    """Are these, between dashes, the words above an answered message?"""
    return len(words) <= 60 and _ORIGINAL.search(words) is not None and _MESSAGE.search(words) is not None


def says_forwarded(plain: str) -> bool:
    """Is this the line that programs put above a forwarded message?"""
    words = dashed_words(plain)
    if words is None:
        words = plain if plain.endswith((":", "：")) and "@" not in plain else ""
    return 0 < len(words) <= 60 and _FORWARDED.search(words) is not None


def is_attribution(text: str, *, before_quote: bool) -> bool:
    """Does *text* (a paragraph that ends in a colon) say who wrote what follows?

    Directly *before_quote* marks an address, or a date and a time, is enough. Otherwise all that follows would be
    cut, so two of three must be there: date and time, an address in brackets, a word that programs use for "wrote".
    """
    dated = is_dated(text)
    wrote = _WROTE.search(text) is not None
    if before_quote:
        return dated or _ADDRESS.search(text) is not None or (wrote and len(text) <= 80)
    bracketed = _BRACKETED_ADDRESS.search(text) is not None
    return dated + wrote + bracketed >= 2


def needs_lines_before(text: str, above: list[str]) -> bool:
    """Was an attribution wrapped so that it begins in the lines *above* (the nearest first)?"""
    if not above:
        return False
    if _CANNOT_BEGIN.match(text) or above[0].rfind("<") > above[0].rfind(">"):
        return _SENTENCE_END.search(above[0]) is None
    is_named = _ADDRESS.search(text) is not None
    if _DATE.search(text) and (is_named or is_dated(text)):
        return not is_named and has_bracketed_address(above[0]) and _goes_on(text, above[0])
    for line in above:
        if _SENTENCE_END.search(line):
            return False
        if has_bracketed_address(line):
            return _WROTE.search(text) is not None or _DATE.search(line) is not None
        if _BEGINS_WITH_DATE.match(line) and _DATE.search(line):
            return is_named or _TIME.search(" ".join(above)) is not None
    return False


def _goes_on(text: str, before: str) -> bool:
    """Does a date, perhaps with a word for "wrote", go on from a line that holds a name and an address?"""
    if _WROTE.search(text) is None or _WROTE.search(before) is not None:
        return True
    return before.endswith((">", ")", "]", ",")) and _AFTER_NAME.match(text) is not None


def is_colonless_attribution(text: str) -> bool:
    """A date first and an address in brackets last, and nothing else: older Gmail above its quote marks."""
    return (
        _STARTS_AS_DATE.match(text) is not None
        and text.endswith((">", ")"))
        and _BRACKETED_ADDRESS.search(text[-140:]) is not None
        and _DATE.search(text) is not None
    )


def is_device_line(plain: str) -> bool:
    """ "Sent from my iPhone", in many languages."""
    if len(plain) > 3 * LONGEST_DEVICE_LINE:
        return False
    words = _LINK.sub("", plain).rstrip(" [(<") if "http" in plain else plain
    if len(words) > LONGEST_DEVICE_LINE or _NAMES_DEVICE.search(words.casefold()) is None:
        return False
    return _DEVICE.fullmatch(words) is not None or _is_advert(words)


def _is_advert(words: str) -> bool:
    return (
        len(words) <= LONGEST_ADVERT
        and _OUTLOOK.search(words) is not None
        and _SYSTEM.search(words) is not None
        and _GET.search(words) is not None
    )


def is_dated(text: str) -> bool:
    """Does it name a day and a time of day?"""
    return _DATE.search(text) is not None and _TIME.search(text) is not None
