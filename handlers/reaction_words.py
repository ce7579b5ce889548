"""The words with which mail programs and telephones tell of a reaction, in many languages."""

from __future__ import annotations

import re

_HEART, _UP, _DOWN = "\N{HEAVY BLACK HEART}\ufe0f", "\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}"
_LAUGH, _WHY = "\N{FACE WITH TEARS OF JOY}", "\N{BLACK QUESTION MARK ORNAMENT}"
_BANG = "\N{DOUBLE EXCLAMATION MARK}\ufe0f"

REACTED = re.compile(  # Outlook's "Anna reacted to your message:", and Gmail's "Anna reacted via Gmail"
    r"reacted to your (?:message|e-?mail)|reacted via gmail"
    r"|(?:hat|haben) auf (?:ihre|deine) (?:nachricht|e-?mail) reagiert|hat (?:über|via|mit) gmail reagiert"
    r"|a réagi à (?:votre|ton) (?:message|e-?mail)|a réagi (?:via|avec) gmail"
    r"|(?:reaccionó|ha reaccionado) a (?:su|tu) (?:mensaje|correo)|(?:reaccionó|ha reaccionado) .{0,12}gmail"
    r"|ha reagito al (?:tuo|suo) messaggio|ha reagito .{0,12}gmail"
    r"|reagiu (?:à sua|à tua|a sua) mensagem|reagiu .{0,12}gmail"
    r"|heeft (?:gereageerd op (?:uw|je) bericht met|via gmail gereageerd)|heeft op (?:uw|je) bericht gereageerd met"
    r"|(?:reagerade|har reagerat) på ditt (?:meddelande|mejl)|(?:reagerade|har reagerat) .{0,12}gmail"
    r"|reagerede på din (?:meddelelse|mail)|reagerte på meldingen din|reager(?:ede|te) .{0,12}gmail"
    r"|reagoi viestiisi|reagoi gmaili"
    r"|zareagował\(?a?\)? na (?:twoją|twój|państwa) (?:wiadomość|e-?mail)|zareagował\(?a?\)? .{0,12}gmail"
    r"|reagoval\(?a?\)? na (?:vaši|tvoji) zprávu|reagoval\(?a?\)? .{0,12}gmail"
    r"|reagált az (?:ön )?üzenet(?:ére|edre)|a reacționat la mesajul"
    r"|отреагировал(?:\(а\)|а)? на ваше (?:сообщение|письмо)|отреагировал(?:\(а\)|а)? .{0,12}gmail"
    r"|відреагува(?:в|ла) на ваше повідомлення|(?:iletinize|mesajınıza) (?:tepki|ifade) (?:verdi|bıraktı)"
    r"|αντέδρασε στο μήνυμά|הגיב.{0,4} להודעה שלך באמצעות|تفاعل.{0,8} مع رسالتك"
    r"|メッセージにリアクション|gmail でリアクション|對(?:您|你)的郵件(?:做出|作出)|对(?:您|你)的邮件(?:做出|作出)"
    r"|(?:메시지|메일)에 (?:반응|공감)",
    re.IGNORECASE,
)
TAPBACK = re.compile(
    '(?P<verb>[^"“”„«»「」‘’\']{2,40}?)[\\s:\xa0]*[“”"„«「]\\s*(?P<quoted>.+?)\\s*[”"“»」]\\.?', re.DOTALL
)
SURE_VERBS = {
    "liked": _UP, "disliked": _DOWN, "laughed at": _LAUGH, "emphasized": _BANG, "emphasised": _BANG, "questioned": _WHY,
}  # fmt: skip
MAYBE_VERBS = {  # people write so, too: they count only with words of the post behind them
    _HEART: (
        "loved", "liebt", "hat geliebt", "a adoré", "adore", "le encantó", "le encanta", "me encanta", "ha adorato",
        "adora", "amou", "adorou", "älskade", "elskede", "elsket", "rakasti", "hield van", "pokochał", "pokochała",
        "понравилось", "喜欢", "喜歡",
    ),
    _UP: (
        "gefällt", "mag", "gefällt mir", "a aimé", "aime", "le gustó", "le gusta", "me gusta", "piace", "mi piace",
        "ha messo mi piace a", "gostou de", "curtiu", "gillade", "kunne lide", "likte", "synes godt om", "tykkäsi",
        "vond leuk", "polubił", "polubiła", "нравится", "赞", "讚",
    ),
    _DOWN: ("gefällt nicht", "n'a pas aimé", "n’a pas aimé", "no le gustó", "non piace", "não gostou de", "ogillade"),
    _LAUGH: (
        "lacht über", "a ri de", "a ri à", "se rió de", "ha riso a", "ha riso per", "riu de", "skrattade åt",
        "grinede ad", "lo av", "nauroi", "moest lachen om", "рассмешило",
    ),
    _BANG: ("betont", "a insisté sur", "a souligné", "enfatizó", "ha enfatizzato", "enfatizou", "betonade"),
    _WHY: ("hinterfragt", "a questionné", "cuestionó", "ha messo in dubbio", "questionou", "ifrågasatte"),
}  # fmt: skip
PICTURE = re.compile(
    r"(?P<verb>liked|loved|disliked|laughed at|emphasi[sz]ed|questioned) an? \w+(?: \w+)?", re.IGNORECASE
)
PICTURES = ("image", "photo", "movie", "video", "attachment", "link", "audio message", "location")
GIVEN = re.compile(r"reacted (\S+) to", re.IGNORECASE)
TAKEN_BACK = re.compile(r"removed (?:an? )?\S+(?: mark| point)? from", re.IGNORECASE)

NOT_ANY_MORE = frozenset({
    "no", "kein", "keine", "nein", "inget", "ingen", "nej", "nei", "pas", "non", "plus", "sin", "não", "nao", "sem",
    "senza", "geen", "nee", "nie", "ne", "ei", "без", "нет", "όχι", "不", "不要",
})  # fmt: skip
FAREWELLS = frozenset({
    "love", "from", "xx", "xxx", "xo", "xoxo", "kram", "kramar", "hälsningar", "liebe", "grüße", "lg", "gruß", "bises",
    "bisous", "besos", "un", "beso", "baci", "groetjes", "liefs", "grandma", "grandpa", "granny", "nana", "gran", "mum",
    "mom", "mummy", "dad", "daddy", "oma", "opa", "mama", "papa", "mormor", "morfar", "farmor", "farfar", "mamie",
    "papi", "abuela", "abuelo", "nonna", "nonno", "бабушка", "дедушка",
})  # fmt: skip
