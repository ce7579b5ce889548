"""What she wrote: how much of it is read rightly, on a matrix of our own and on public sets, and how fast."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

from handlers.written import written_text, written_text_of
from tests.bench.measure import show
from tests.bench.written_mails import Mail, mails

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PUBLIC = ("discourse", "crisp", "github", "talon")
INTERLEAVED = "interleaved"
MANY_LINES = 20_000


@dataclass(slots=True)
class Score:
    """exact: word for word. lost: something of hers is not shown. leaked: something is shown that is not hers."""

    cases: int = 0
    exact: int = 0
    lost: int = 0
    leaked: int = 0
    wrong: list[str] = field(default_factory=list)  # names of those that are not exact

    def add(self, name: str, found: str, expected: str) -> None:
        has, should = found.split(), expected.split()
        self.cases += 1
        self.lost += bool(Counter(should) - Counter(has))
        self.leaked += bool(Counter(has) - Counter(should))
        if has == should:
            self.exact += 1
        else:
            self.wrong.append(name)

    @property
    def share(self) -> float:
        return self.exact / self.cases


def matrix_score(every: Iterable[Mail], *, original_known: bool) -> Score:
    score = Score()
    for mail in every:
        found = written_text_of(mail.raw, original=mail.original if original_known else None)
        score.add(f"{mail.language}, {mail.program}, {mail.style}", found, mail.expected)
    return score


def public_score(name: str) -> Score:
    score = Score()
    for case, content in json.loads((DATA / f"replies-{name}" / "cases.json").read_text(encoding="utf-8")).items():
        score.add(case, written_text(content["text"]), content["new"])
    return score


def seconds_for(text: str) -> float:
    begun = process_time()
    written_text(text, original="Will somebody come with us next Sunday\nto see the heron at the lake?")
    return process_time() - begun


def measure(_home: Path) -> None:
    every = list(mails())
    for known in (True, False):
        begun = process_time()
        score = matrix_score(every, original_known=known)
        each = 1000 * (process_time() - begun) / score.cases
        _show("written matrix, original known" if known else "written matrix, original unknown", score, each)
        for name in score.wrong if known else ():
            print(f"    {name}")
    for style in dict.fromkeys(mail.style for mail in every):
        some = [mail for mail in every if mail.style == style]
        score, unknown = (matrix_score(some, original_known=each) for each in (True, False))
        show(f"written, {style}", cases=score.cases, exact=score.exact, exact_unknown=unknown.exact)
    for name in PUBLIC:
        _show(f"written, {name}", public_score(name), None)
    long = "Hello dear family, the children were at the lake on 3 March.\n> And then?\n" * (MANY_LINES // 2)
    show("written, 20,000 lines", seconds=seconds_for(long))


def _show(what: str, score: Score, milliseconds: float | None) -> None:
    timing = {} if milliseconds is None else {"ms_each": milliseconds}
    show(
        what,
        cases=score.cases,
        exact=score.exact,
        percent=100 * score.share,
        lost=score.lost,
        leaked=score.leaked,
        **timing,
    )
