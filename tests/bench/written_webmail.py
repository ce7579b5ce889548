"""Answers as Gmail, Yahoo and other webmail write them (spec/people.md §1.1)."""

from __future__ import annotations

from html import escape

from tests.bench.written_parts import (
    ADDRESS,
    NAME,
    Wording,
    answer_lines,
    answer_text,
    both,
    direction,
    divs,
    outlook_head,
    page,
    plain,
    quoted,
    split_attribution,
)


def _gmail_quote(wording: Wording, inside: str) -> str:
    attribution = escape(wording.gmail).replace(
        escape(f"<{ADDRESS}>"), f'&lt;<a href="mailto:{ADDRESS}">{ADDRESS}</a>&gt;'
    )
    return (
        f'<br><div class="gmail_quote gmail_quote_container"><div dir="{direction(wording)}" class="gmail_attr">'
        f"{attribution}<br></div>{inside}</div>"
    )


def _gmail_block(lines: list[str]) -> str:
    style = "margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"
    return f'<blockquote class="gmail_quote" style="{style}">{divs(lines)}</blockquote>'


def _gmail_html_top(wording: Wording) -> str:
    answer = f'<div dir="{direction(wording)}">{divs(answer_lines(wording))}</div>'
    return answer + _gmail_quote(wording, _gmail_block(wording.letter))


def gmail_top(wording: Wording) -> bytes:
    text = f"{answer_text(wording)}\n\n{wording.gmail}\n\n{quoted(wording.letter)}\n"
    return both(text, _gmail_html_top(wording))


def gmail_wrapped(wording: Wording) -> bytes:
    return plain(f"{answer_text(wording)}\n\n{split_attribution(wording.gmail)}\n\n{quoted(wording.letter)}\n")


def gmail_html(wording: Wording) -> bytes:
    return page(_gmail_html_top(wording))


def gmail_bottom(wording: Wording) -> bytes:
    return plain(f"{split_attribution(wording.gmail)}\n\n{quoted(wording.letter)}\n\n{answer_text(wording)}\n")


def gmail_inline(wording: Wording) -> bytes:
    first, second = quoted(wording.letter[:4]), quoted(wording.letter[4:])
    one, other = wording.answer
    return plain(f"{split_attribution(wording.gmail)}\n\n{first}\n\n{one}\n\n{second}\n\n{other}\n")


def gmail_html_inline(wording: Wording) -> bytes:
    one, other = (f"<div>{escape(each)}</div>" for each in wording.answer)
    inside = f"{_gmail_block(wording.letter[:4])}{one}{_gmail_block(wording.letter[4:])}{other}"
    return page(f'<div dir="{direction(wording)}">{_gmail_quote(wording, inside)}</div>')


def gmail_signature(wording: Wording) -> bytes:
    name = "\n".join(NAME)
    text = f"{answer_text(wording)}\n\n-- \n{name}\n\n{split_attribution(wording.gmail)}\n\n{quoted(wording.letter)}\n"
    drawn = f'<br><span class="gmail_signature_prefix">-- </span><br><div class="gmail_signature">{divs([*NAME])}</div>'
    return both(text, f"{divs(answer_lines(wording))}{drawn}{_gmail_quote(wording, _gmail_block(wording.letter))}")


def gmail_signature_html(wording: Wording) -> bytes:
    drawn = f'<br><span class="gmail_signature_prefix">-- </span><br><div class="gmail_signature">{divs([*NAME])}</div>'
    return page(f"{divs(answer_lines(wording))}{drawn}{_gmail_quote(wording, _gmail_block(wording.letter))}")


def yahoo(wording: Wording) -> bytes:
    """No mark, a blank before each line."""
    quote = [f"    {wording.gmail}  ", " ", *(f" {line}" for line in wording.letter)]
    return plain("\n".join([" " + answer_text(wording), "", *quote, "  "]))


def yahoo_html(wording: Wording) -> bytes:
    quote = f"<div>{escape(wording.gmail)}</div><div><br></div><div><div>{divs(wording.letter)}</div></div>"
    return page(
        f'<div class="yahoo-style-wrap">{divs(answer_lines(wording))}</div>'
        f'<div id="yahoo_quoted_4711" class="yahoo_quoted"><div style="color:#26282a">{quote}</div></div>'
    )


def gmx_html(wording: Wording) -> bytes:
    style = "margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5"
    head = outlook_head(wording).replace(" ", "&nbsp;", 1)
    quote = f'<div style="margin:0 0 10px 0;">{head}</div><div name="quoted-content">{divs(wording.letter)}</div>'
    return page(f"{divs(answer_lines(wording))}<div name='quote' style='{style}'>{quote}</div>")


def proton_html(wording: Wording) -> bytes:
    sent = '<div class="protonmail_signature_block-proton">Sent with Proton Mail</div>'
    ad = f'<div class="protonmail_signature_block">{sent}</div>'
    quote = f"{escape(wording.apple)}<br><br><blockquote type='cite'>{divs(wording.letter)}</blockquote>"
    return page(f"{divs(answer_lines(wording))}<br>{ad}<br><div class='protonmail_quote'>{quote}</div>")


def unquoted(wording: Wording) -> bytes:
    """An attribution, and the letter below it without any mark."""
    return plain("\n".join([answer_text(wording), "", wording.apple, "", *wording.letter, ""]))


def nothing_quoted(wording: Wording) -> bytes:
    return plain(answer_text(wording) + "\n")


def signature_alone(wording: Wording) -> bytes:
    return plain("\n".join([answer_text(wording), "", "-- ", *NAME, ""]))
