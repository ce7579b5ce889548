"""Answers as programs on desks and phones write them: Apple's, Outlook, Thunderbird (spec/people.md §1.1)."""

from __future__ import annotations

from html import escape

from tests.bench.written_parts import (
    BOM,
    NAME,
    Wording,
    answer_lines,
    answer_text,
    direction,
    divs,
    folded,
    mso,
    outlook_head,
    page,
    plain,
    quoted,
)


def apple_mail_top(wording: Wording) -> bytes:
    quote = quoted([wording.apple, "", *wording.letter])
    return plain(f"{answer_text(wording)}\n\n{quote}\n\n")


def apple_mail_inline(wording: Wording) -> bytes:
    one, other = wording.answer
    first, second = quoted([wording.apple, "", *wording.letter[:3]]), quoted(wording.letter[4:])
    return plain(f"{first}\n\n{one}\n\n{second}\n\n{other}\n\n")


def apple_mail_html(wording: Wording) -> bytes:
    quote = (
        f'<div><br><blockquote type="cite"><div>{escape(wording.apple)}</div><br class="Apple-interchange-newline">'
        f"<div><div>{divs(wording.letter)}</div></div></blockquote></div><br>"
    )
    return page(f"{divs(answer_lines(wording))}{quote}")


def iphone(wording: Wording) -> bytes:
    quote = quoted([wording.apple, "", BOM + wording.letter[0], *wording.letter[1:]])
    return plain(f"{answer_text(wording)}\n\n{wording.devices[0]}\n\n{quote}\n")


def iphone_unmarked(wording: Wording) -> bytes:
    """Some versions put no mark before the attribution."""
    quote = quoted([BOM + wording.letter[0], *wording.letter[1:]])
    return plain(f"{answer_text(wording)}\n\n{wording.devices[0]}\n\n{wording.apple}\n\n{quote}\n")


def iphone_html(wording: Wording) -> bytes:
    answer = f'{divs(answer_lines(wording))}<br id="lineBreakAtBeginningOfSignature">'
    device = f'<div dir="ltr">{escape(wording.devices[0])}</div>'
    attribution = f'<div dir="ltr"><br><blockquote type="cite">{escape(wording.apple)}<br><br></blockquote></div>'
    letter = f'<blockquote type="cite"><div dir="ltr">{BOM}{divs(wording.letter)}</div></blockquote>'
    return page(answer + device + attribution + letter)


def outlook(wording: Wording) -> bytes:
    text = "\n".join([answer_text(wording), "", *wording.head, "", *wording.letter])
    return plain(f"{text}\n")


def outlook_html(wording: Wording) -> bytes:
    border = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"
    head = f"<div><div style='{border}'><p class=MsoNormal>{outlook_head(wording)}<o:p></o:p></p></div></div>"
    return page(f"<div class=WordSection1>{mso([*answer_lines(wording), ''])}{head}{mso(['', *wording.letter])}</div>")


def outlook_web(wording: Wording) -> bytes:
    return plain("\n".join([answer_text(wording), "", "_" * 32, *wording.head, "", *wording.letter, ""]))


def outlook_web_html(wording: Wording) -> bytes:
    answer = "".join(f'<div class="elementToProof">{escape(line) or "<br>"}</div>' for line in answer_lines(wording))
    font = f'<font face="Calibri">{outlook_head(wording)}</font><div> </div>'
    head = f'<div id="divRplyFwdMsg" dir="{direction(wording)}">{font}</div>'
    rule = '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
    return page(f"{answer}{rule}{head}<div>{divs(wording.letter)}</div>")


def outlook_mobile(wording: Wording) -> bytes:
    device = f"{wording.devices[1]}<https://aka.ms/o0ukef>"
    return plain("\n".join([answer_text(wording), "", device, "_" * 32, *wording.head, "", *wording.letter, ""]))


def outlook_mobile_html(wording: Wording) -> bytes:
    link = f'<a href="https://aka.ms/o0ukef">{escape(wording.devices[1])}</a>'
    device = f'<div id="ms-outlook-mobile-signature" dir="auto"><div><br></div>{link}</div>'
    head = f'<hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg">{outlook_head(wording)}</div><br>'
    quote = f'<div id="mail-editor-reference-message-container" class="ms-outlook-mobile-reference-message">{head}'
    return page(f"{divs(answer_lines(wording))}{device}{quote}{divs(wording.letter)}</div>")


def outlook_mac(wording: Wording) -> bytes:
    """Every header name in bold, which is asterisks in text."""
    rows = zip(wording.keys, wording.values, strict=True)
    bold = [f"*{key.rstrip(' :')}: *{value}" for key, value in rows]
    return plain("\n".join([answer_text(wording), "", *bold, "", *wording.letter, ""]))


def outlook_interleaved(wording: Wording) -> bytes:
    """She answers inside the unquoted letter."""
    one, other = wording.answer
    written_in = [*wording.letter[:3], "", one, "", *wording.letter[4:6], other, "", *wording.letter[6:]]
    return plain("\n".join([*wording.head, "", *written_in, ""]))


def outlook_interleaved_html(wording: Wording) -> bytes:
    one, other = wording.answer
    written_in = [*wording.letter[:3], one, "", *wording.letter[4:6], other, "", *wording.letter[6:]]
    border = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"
    head = f"<div style='{border}'><p class=MsoNormal>{outlook_head(wording)}</p></div>"
    return page(f"<div class=WordSection1>{head}{mso(written_in)}</div>")


def dashed(wording: Wording) -> bytes:
    """Old Outlook, AOL, Samsung."""
    dashes = f"-----{wording.dashes}-----"
    return plain("\n".join([answer_text(wording), "", dashes, *wording.head, "", *wording.letter, ""]))


def samsung(wording: Wording) -> bytes:
    dashes = f"-------- {wording.dashes} --------"
    return plain(
        "\n".join([answer_text(wording), "", wording.devices[2], "", dashes, *wording.head, "", *wording.letter, ""])
    )


def thunderbird_bottom(wording: Wording) -> bytes:
    name = "\n".join(NAME)
    quote = quoted(wording.letter)
    return plain(f"{wording.thunderbird}\n{quote}\n\n{answer_text(wording)}\n\n-- \n{name}\n", "; format=flowed")


def thunderbird_inline(wording: Wording) -> bytes:
    first, second = quoted(wording.letter[:4]), quoted(wording.letter[4:])
    one, other = ("\n".join(folded([each])).replace("\n", " \n") for each in wording.answer)
    return plain(f"{wording.thunderbird}\n{first}\n{one}\n{second}\n{other}\n", "; format=flowed")


def thunderbird_html(wording: Wording) -> bytes:
    cite = f'<div class="moz-cite-prefix">{escape(wording.thunderbird)}<br></div>'
    return page(f"{divs(answer_lines(wording))}{cite}<blockquote type='cite'>{divs(wording.letter)}</blockquote>")


def k9(wording: Wording) -> bytes:
    return plain(f"{answer_text(wording)}\n\n{wording.apple}\n{quoted(wording.letter).replace('> ', '>')}\n")


def bottom_with_device(wording: Wording) -> bytes:
    return plain(f"{wording.apple}\n\n{quoted(wording.letter)}\n\n{answer_text(wording)}\n\n{wording.devices[0]}\n")
