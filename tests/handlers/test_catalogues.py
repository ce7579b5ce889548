"""The catalogues hold our words, whole and with all that is to be filled in."""

from __future__ import annotations

import pytest

from handlers.catalogue import OUR_LANGUAGE, languages, spoken
from tests.words import FIELD, catalogue, lacking, renewed, sentences

WHOLE = ("letter_", "left_out", "private_copy", "render")
OTHERS = [language for language in languages() if language != OUR_LANGUAGE]


@pytest.mark.parametrize("language", OTHERS)
def test_every_letter_and_copy_is_whole(language: str) -> None:
    in_code = {sentence.ids[0] for sentence in sentences().values() if sentence.places[0].startswith(WHOLE)}
    assert not in_code & set(lacking(renewed(catalogue(language))))


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_filled_in_stands_in_every_form(language: str) -> None:
    known = catalogue(language)
    missing = lacking(known)
    for message in known:
        if not message.id or message.id[0] in missing or message.id in missing:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = set(FIELD.findall(ids[-1]))
        for form in forms:
            found = set(FIELD.findall(form))
            assert wanted - {"count"} <= found <= wanted, message.id
            assert form == form.strip()


@pytest.mark.parametrize("language", OTHERS)
def test_the_plural_forms_are_those_of_the_language(language: str) -> None:
    known = catalogue(language)
    for message in known:
        if isinstance(message.id, tuple):
            assert len(message.string) == known.num_plurals


@pytest.mark.parametrize(
    ("tag", "language"), [("en", "en"), ("DE-at", "de"), ("sv-SE", "sv"), ("xx", "en"), ("", "en"), ("../de", "en")]
)
def test_the_nearest_language_is_spoken(tag: str, language: str) -> None:
    assert spoken(tag) == language
