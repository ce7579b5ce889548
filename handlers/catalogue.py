"""Our words in other languages: locale/LANGUAGE.po, read as they are, once; no file has to be compiled.

A language is there when its file is. English needs none: the words in templates and code are English.
"""

from __future__ import annotations

import gettext
from functools import cache
from importlib import resources
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

OUR_LANGUAGE = "en"


class NotTranslated(LookupError):
    """A catalogue lacks a sentence. Carries its English words."""


class _Strict(gettext.NullTranslations):
    """What stands behind a catalogue that may lack nothing."""

    def gettext(self, message: str) -> str:
        raise NotTranslated(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        raise NotTranslated(msgid1)

    def pgettext(self, context: str, message: str) -> str:
        raise NotTranslated(message)


@cache
def languages() -> tuple[str, ...]:
    """Main tags of BCP 47, English first."""
    files = resources.files("handlers").joinpath("locale").iterdir()
    return (OUR_LANGUAGE, *sorted(each.name.removesuffix(".po") for each in files if each.name.endswith(".po")))


def spoken(language: str) -> str:
    """The one of our languages that comes nearest to a BCP 47 tag (RFC 4647 §3.4)."""
    main = language.lower().partition("-")[0]
    return main if main in languages() else OUR_LANGUAGE


@cache
def catalogue(language: str, *, strict: bool = False) -> gettext.NullTranslations:
    """Of one of our `languages`. What it lacks is English; `strict`: raises NotTranslated."""
    if language == OUR_LANGUAGE:
        return gettext.NullTranslations()
    source = resources.files("handlers").joinpath("locale", f"{language}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language))
    compiled.seek(0)
    found = gettext.GNUTranslations(compiled)
    if strict:
        found.add_fallback(_Strict())
    return found
