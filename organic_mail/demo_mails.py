"""The mails of `organic-mail demo`: a family writes about a birthday. Persons, words and the picture are made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from importlib import resources

ANNA = "Anna Lindqvist <anna.lindqvist@example.org>"
MARTA = "Märta Lindqvist <marta@lindqvist.example>"
OLU = "Olu Okafor <olu.okafor@example.net>"
CHIDI = "Chidi Okafor <chidi@okafor.example>"
SOFIE = "Sofie Weber <sofie.weber@example.com>"
MEMBERS = (ANNA, MARTA, OLU, CHIDI, SOFIE)
STRANGER = "Lucky Prize <prizes@elsewhere.example>"

INVITATION = """\
Dear all,

Grandma turns 80 on Sunday! Lunch at our place, 13:00. Who brings what?

  * Salmon, potatoes, dill: Anna
  * Jollof rice and plantain: Olu
  * The cake: who dares?

Kisses, Anna
"""

INVITATION_HTML = """\
<html><head><style>.box{background:#fdf3e7;padding:16px;border-radius:8px}</style></head>
<body style="font-family:Georgia,serif;color:#333">
<table width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table width="560" class="box"><tr><td>
<h1 style="color:#b3541e">Grandma turns 80!</h1>
<p>Dear all,</p>
<p>Lunch at our place on <b>Sunday, 13:00</b>. Who brings what?</p>
<ul><li>Salmon, potatoes, dill: <b>Anna</b></li>
<li>Jollof rice and plantain: <b>Olu</b></li>
<li>The cake: <i>who dares?</i></li></ul>
<p>Kisses, Anna&nbsp;&hearts;</p>
</td></tr></table></td></tr></table>
</body></html>
"""

GRANDMA = """\
Så snällt av er! Jag tar med köttbullar ändå.
Är det för mycket om jag bakar en prinsesstårta också?

Kram, Märta
"""

QUOTING = """\
Cake is mine. Grandma bakes nothing on her own birthday 🎂

On {day} Anna Lindqvist <anna.lindqvist@example.org> wrote:

> Dear all,
>
> Grandma turns 80 on Sunday! Lunch at our place, 13:00. Who brings what?
>
>   * The cake: who dares?
"""

QUOTING_HTML = """\
<div dir="ltr">Cake is mine. Grandma bakes nothing on her own birthday 🎂</div><br>
<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On {day} Anna Lindqvist \
&lt;<a href="mailto:anna.lindqvist@example.org">anna.lindqvist@example.org</a>&gt; wrote:<br></div>
<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">
<h1>Grandma turns 80!</h1><p>Dear all,</p><p>Lunch at our place on <b>Sunday, 13:00</b>. Who brings what?</p>
</blockquote></div>
"""

PHOTO = """\
Practice run. The candles survived, the first layer did not.

--\x20
Chidi
"""


@dataclass(frozen=True, slots=True)
class DemoMail:
    """`note`: what is special about it; `code`: what the server should answer."""

    author: str
    subject: str
    note: str
    raw: bytes
    code: int = 250


def demo_mails(list_address: str, now: datetime) -> tuple[DemoMail, ...]:
    """In the order in which they are sent."""

    def mail(author: str, subject: str, minutes_ago: int, number: int, answers: int = 0) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = author
        message["To"] = list_address
        message["Subject"] = subject
        message["Date"] = format_datetime(now - timedelta(minutes=minutes_ago))
        message["Message-ID"] = f"<{number}.birthday@mail.example>"
        if answers:
            message["In-Reply-To"] = message["References"] = f"<{answers}.birthday@mail.example>"
        return message

    day = f"{now - timedelta(minutes=50):%a, %d %b %Y at %H:%M}"

    invitation = mail(ANNA, "Sunday: Grandma turns 80", 50, 1)
    invitation.set_content(INVITATION)
    invitation.add_alternative(INVITATION_HTML, subtype="html")

    grandma = mail(MARTA, "Sv: Sunday: Grandma turns 80", 35, 2, answers=1)
    grandma.set_content(GRANDMA, charset="iso-8859-1", cte="8bit")

    quoting = mail(OLU, "Re: Sunday: Grandma turns 80", 20, 3, answers=1)
    quoting.set_content(QUOTING.format(day=day))
    quoting.add_alternative(QUOTING_HTML.format(day=day), subtype="html")

    photo = mail(CHIDI, "Re: Sunday: Grandma turns 80", 5, 4, answers=3)
    photo.set_content(PHOTO)
    picture = resources.files("organic_mail").joinpath("demo_photo.jpg").read_bytes()
    photo.add_attachment(picture, maintype="image", subtype="jpeg", filename="tårta.jpg")

    stranger = mail(STRANGER, "You have won", 1, 5)
    stranger.set_content("Dear friend, answer at once with your bank account.\n")

    return (
        DemoMail(ANNA, "Sunday: Grandma turns 80", "HTML and text, as a newsletter looks", bytes(invitation)),
        DemoMail(MARTA, "Sv: Sunday: Grandma turns 80", "Swedish, in iso-8859-1", bytes(grandma)),
        DemoMail(OLU, "Re: Sunday: Grandma turns 80", "quotes Anna, as Gmail does", bytes(quoting)),
        DemoMail(CHIDI, "Re: Sunday: Grandma turns 80", "a photo", bytes(photo)),
        DemoMail(ANNA, "Sunday: Grandma turns 80", "the first one, sent again by mistake", bytes(invitation)),
        DemoMail(STRANGER, "You have won", "a stranger", bytes(stranger), code=550),
    )
