"""All words of ours that people read, found in code and templates; as a program, brings the catalogues up to date.

`python -m tests.words` rewrites handlers/locale/*.po: new sentences come in empty, those that are gone go, and each has
an example of how people see it. `python -m tests.words it` begins a new language.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes

from handlers.notice_examples import EXAMPLES
from handlers.template import templates

HANDLERS = Path(__file__).parents[1] / "handlers"
LOCALE = HANDLERS / "locale"
WIDTH = 120
FIELD = re.compile(r"%\((\w+)\)s")
_HEADER = ("Language", "Plural-Forms", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
_OTHER_LINE = r'^"(?!(?:{}):)[\w-]+: .*\\n"\n'
_SEEN = {
    "name": "Rose", "title": "The family", "address": "family@oak.example", "leave": "family-leave@oak.example",
    "owner": "family-owner@oak.example", "author": "Anna", "writer": "Anna", "files": "lake.mov (17 MB)", "count": "5",
    "domain": "oak.example",
}  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """What one call of say, count or word has. places: the files that it stands in."""

    context: str
    ids: tuple[str, ...]  # one and many, where it is counted
    places: list[str] = field(default_factory=list, compare=False)

    @property
    def fields(self) -> set[str]:
        return {name for each in self.ids for name in FIELD.findall(each)}

    def example(self) -> str:
        """In English, filled in; "" where it has nothing to fill in, or we have no example."""
        known: dict[str, object] = dict(_SEEN)
        for kind, shapes in EXAMPLES.items():
            of_this = f"notices/{kind}.txt" in self.places
            for values in shapes:
                known |= {name: value for name, value in values.items() if value and (of_this or name not in known)}
        return self.ids[-1] % known if self.fields and self.fields <= known.keys() else ""


@cache
def sentences() -> dict[tuple[str, tuple[str, ...]], Sentence]:
    """By context and ids: those of code, then those of templates."""
    found: dict[tuple[str, tuple[str, ...]], Sentence] = {}
    for place, name, texts in (*_in_code(), *_in_templates()):
        match name, texts:
            case "say", (text, *_):
                sentence = Sentence("", (text,))
            case "count", (one, many, *_):
                sentence = Sentence("", (one, many))
            case "word", (context, text):
                sentence = Sentence(context, (text,))
            case _:
                continue
        found.setdefault((sentence.context, sentence.ids), sentence).places.append(place)
    return found


def _in_code() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for path in sorted(HANDLERS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REASONS":
                yield from ((path.name, "say", (text,)) for text in ast.literal_eval(node.value))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                texts = (each.value for each in node.args if isinstance(each, ast.Constant))
                yield path.name, node.func.attr, tuple(each for each in texts if isinstance(each, str))


def _in_templates() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    environment = templates()
    for name in environment.list_templates(["txt"]):
        source = (HANDLERS / "templates" / name).read_text(encoding="utf-8")
        for call in environment.parse(source).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name):
                yield name, call.node.name, tuple(each.value for each in call.args if isinstance(each, nodes.Const))


def catalogue(language: str) -> Catalog:
    path = LOCALE / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def renewed(old: Catalog) -> Catalog:
    """The same language with exactly the sentences that there are."""
    new = Catalog(locale=old.locale, header_comment=old.header_comment, fuzzy=False)
    for sentence in sentences().values():
        identity = sentence.ids if len(sentence.ids) > 1 else sentence.ids[0]
        known = old.get(identity, sentence.context or None)
        comments = known.auto_comments if known and known.auto_comments else [sentence.example()]
        new.add(
            identity,
            known.string if known else None,
            [(place, 0) for place in dict.fromkeys(sentence.places)],
            {"python-format"} if sentence.fields else set(),
            [each for each in comments if each],
            known.user_comments if known else (),
            context=sentence.context or None,
        )
    return new


def written(new: Catalog) -> str:
    """As a file, without the parts of the header that nobody fills in."""
    made = BytesIO()
    write_po(made, new, width=WIDTH, include_lineno=False)
    return re.sub(_OTHER_LINE.format("|".join(_HEADER)), "", made.getvalue().decode("utf-8"), flags=re.MULTILINE)


def lacking(known: Catalog) -> list[str]:
    """What has no words in this language, or words that nobody has looked at."""
    found = []
    for message in known:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and (message.fuzzy or not all(forms)):
            found.append(message.id if isinstance(message.id, str) else message.id[0])
    return found


def main(wanted: list[str]) -> None:
    for language in sorted({*wanted, *(path.stem for path in LOCALE.glob("*.po"))}):
        new = renewed(catalogue(language))
        (LOCALE / f"{language}.po").write_text(written(new), encoding="utf-8")
        sys.stdout.write(f"{language}: {len(new)} sentences, {len(lacking(new))} without words\n")


if __name__ == "__main__":
    main(sys.argv[1:])
