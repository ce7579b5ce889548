"""The marks of two dozen languages, as Gmail, Apple and Outlook write them, in every layout that people use."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from handlers.written import written_text

ADDRESS = "anna@oak.example"
MINE = ["Thank you, we will come with the children.", "Can we bring the old boat?"]
ORIGINAL = [
    "Dear all,",
    "We are back from the lake and the children have not stopped talking.",
    "",
    "Will somebody come with us next Sunday to see the heron?",
    "Love, Anna",
]


class Language(NamedTuple):
    name: str
    gmail: str
    apple: str
    outlook: str
    device: str


LANGUAGES = (
    Language(
        "en",
        "On Sun, Nov 22, 2026 at 8:14 AM Anna Berg <{address}> wrote:",
        "On Nov 22, 2026, at 8:14 AM, Anna Berg <{address}> wrote:",
        "From: | Sent: | To: | Subject:",
        "Sent from my iPhone",
    ),
    Language(
        "de",
        "Am So., 22. Nov. 2026 um 08:14 Uhr schrieb Anna Berg <{address}>:",
        "Am 22.11.2026 um 08:14 schrieb Anna Berg <{address}>:",
        "Von: | Gesendet: | An: | Betreff:",
        "Von meinem iPhone gesendet",
    ),
    Language(
        "fr",
        "Le dim. 22 nov. 2026 à 08:14, Anna Berg <{address}> a écrit :",
        "Le 22 nov. 2026 à 08:14, Anna Berg <{address}> a écrit :",
        "De : | Envoyé : | À : | Objet :",
        "Envoyé de mon iPhone",
    ),
    Language(
        "es",
        "El dom, 22 nov 2026 a las 8:14, Anna Berg (<{address}>) escribió:",
        "El 22 nov 2026, a las 8:14, Anna Berg <{address}> escribió:",
        "De: | Enviado: | Para: | Asunto:",
        "Enviado desde mi iPhone",
    ),
    Language(
        "pt",
        "Em dom., 22 de nov. de 2026 às 08:14, Anna Berg <{address}> escreveu:",
        "Em 22 de nov. de 2026, à(s) 08:14, Anna Berg <{address}> escreveu:",
        "De: | Enviado: | Para: | Assunto:",
        "Enviado do meu iPhone",
    ),
    Language(
        "it",
        "Il giorno dom 22 nov 2026 alle ore 08:14 Anna Berg <{address}> ha scritto:",
        "Il giorno 22 nov 2026, alle ore 08:14, Anna Berg <{address}> ha scritto:",
        "Da: | Inviato: | A: | Oggetto:",
        "Inviato da iPhone",
    ),
    Language(
        "nl",
        "Op zo 22 nov 2026 om 08:14 schreef Anna Berg <{address}>:",
        "Op 22 nov. 2026 om 08:14 heeft Anna Berg <{address}> het volgende geschreven:",
        "Van: | Verzonden: | Aan: | Onderwerp:",
        "Verstuurd vanaf mijn iPhone",
    ),
    Language(
        "sv",
        "Den sön 22 nov. 2026 kl 08:14 skrev Anna Berg <{address}>:",
        "22 nov. 2026 kl. 08:14 skrev Anna Berg <{address}>:",
        "Från: | Skickat: | Till: | Ämne:",
        "Skickat från min iPhone",
    ),
    Language(
        "da",
        "søn. 22. nov. 2026 kl. 08.14 skrev Anna Berg <{address}>:",
        "Den 22. nov. 2026 kl. 08.14 skrev Anna Berg <{address}>:",
        "Fra: | Sendt: | Til: | Emne:",
        "Sendt fra min iPhone",
    ),
    Language(
        "no",
        "søn. 22. nov. 2026 kl. 08:14 skrev Anna Berg <{address}>:",
        "22. nov. 2026 kl. 08:14 skrev Anna Berg <{address}>:",
        "Fra: | Sendt: | Til: | Emne:",
        "Sendt fra min iPhone",
    ),
    Language(
        "fi",
        "su 22. marrask. 2026 klo 8.14 Anna Berg ({address}) kirjoitti:",
        "Anna Berg <{address}> kirjoitti 22.11.2026 kello 8.14:",
        "Lähettäjä: | Lähetetty: | Vastaanottaja: | Aihe:",
        "Lähetetty iPhonesta",
    ),
    Language(
        "pl",
        "niedz., 22 lis 2026 o 08:14 Anna Berg <{address}> napisał(a):",
        "Wiadomość napisana przez Anna Berg <{address}> w dniu 22.11.2026, o godz. 08:14:",
        "Od: | Wysłano: | Do: | Temat:",
        "Wysłane z iPhone’a",
    ),
    Language(
        "cs",
        "ne 22. 11. 2026 v 8:14 odesílatel Anna Berg <{address}> napsal:",
        "22. 11. 2026 v 8:14, Anna Berg <{address}>:",
        "Od: | Odesláno: | Komu: | Předmět:",
        "Odesláno z iPhonu",
    ),
    Language(
        "hu",
        "Anna Berg <{address}> ezt írta (időpont: 2026. nov. 22., V, 8:14):",
        "2026. nov. 22. dátummal, 8:14 időpontban Anna Berg <{address}> írta:",
        "Feladó: | Elküldve: | Címzett: | Tárgy:",
        "Az iPhone-omról küldve",
    ),
    Language(
        "ro",
        "În dum., 22 nov. 2026 la 08:14, Anna Berg <{address}> a scris:",
        "Pe 22 nov. 2026, la 08:14, Anna Berg <{address}> a scris:",
        "De la: | Trimis: | Către: | Subiect:",
        "Trimis de pe iPhone-ul meu",
    ),
    Language(
        "el",
        "Στις Κυρ 22 Νοε 2026 στις 8:14 π.μ., ο/η Anna Berg <{address}> έγραψε:",
        "Στις 22 Νοε 2026, στις 8:14 π.μ., ο χρήστης Anna Berg <{address}> έγραψε:",
        "Από: | Στάλθηκε: | Προς: | Θέμα:",
        "Στάλθηκε από το iPhone μου",
    ),
    Language(
        "tr",
        "Anna Berg <{address}>, 22 Kas 2026 Paz, 08:14 tarihinde şunu yazdı:",
        "Anna Berg <{address}> şunları yazdı (22 Kas 2026 08:14):",
        "Kimden: | Gönderildi: | Kime: | Konu:",
        "iPhone’umdan gönderildi",
    ),
    Language(
        "ru",
        "вс, 22 нояб. 2026 г. в 08:14, Anna Berg <{address}>:",
        "22 нояб. 2026 г., в 08:14, Anna Berg <{address}> написал(а):",
        "От: | Отправлено: | Кому: | Тема:",
        "Отправлено с iPhone",
    ),
    Language(
        "uk",
        "нд, 22 лист. 2026 р. о 08:14 Anna Berg <{address}> пише:",
        "22 лист. 2026 р. о 08:14 Anna Berg <{address}> написав(ла):",
        "Від: | Надіслано: | Кому: | Тема:",
        "Надіслано з iPhone",
    ),
    Language(
        "zh",
        "Anna Berg <{address}> 于2026年11月22日周日 08:14写道：",
        "在 2026年11月22日，上午8:14，Anna Berg <{address}> 写道：",
        "发件人: | 发送时间: | 收件人: | 主题:",
        "从我的 iPhone 发送",
    ),
    Language(
        "ja",
        "2026年11月22日(日) 8:14 Anna Berg <{address}>:",
        "2026/11/22 8:14、Anna Berg <{address}>のメール:",
        "差出人: | 送信日時: | 宛先: | 件名:",
        "iPhoneから送信",
    ),
    Language(
        "ko",
        "2026년 11월 22일 (일) 오전 8:14, Anna Berg <{address}>님이 작성:",
        "2026. 11. 22. 오전 8:14, Anna Berg <{address}> 작성:",
        "보낸 사람: | 보낸 날짜: | 받는 사람: | 제목:",
        "나의 iPhone에서 보냄",
    ),
    Language(
        "he",
        "\u202b\u200fבתאריך יום א׳, 22 בנוב׳ 2026 ב-8:14 מאת "
        "\u202aAnna Berg\u202c\u200f <\u202a{address}\u202c\u200f>:\u202c",
        "ב-22 בנוב׳ 2026, בשעה 8:14, Anna Berg <{address}> כתב/ה:",
        "מאת: | נשלח: | אל: | נושא:",
        "נשלח מה-iPhone שלי",
    ),
    Language(
        "ar",
        "في الأحد، 22 نوفمبر 2026 في 8:14 ص تمت كتابة ما يلي بواسطة Anna Berg <{address}>:",
        "في 22 نوفمبر 2026، الساعة 8:14 ص، كتب Anna Berg <{address}>:",
        "من: | تم الإرسال: | إلى: | الموضوع:",
        "أرسلت من iPhone الخاص بي",
    ),
)


def quoted(lines: list[str]) -> str:
    return "\n".join(f"> {line}".rstrip() for line in lines)


def wrapped(attribution: str) -> str:
    before, angle, after = attribution.partition("<")
    return f"{before}{angle}\n{after}" if angle else attribution


def layouts(language: Language) -> dict[str, str]:
    gmail, apple = language.gmail.format(address=ADDRESS), language.apple.format(address=ADDRESS)
    values = (f"Anna Berg <{ADDRESS}>", "22.11.2026 08:14", "family@oak.example", "Lake")
    keys = language.outlook.split(" | ")
    head = "\n".join(f"{key} {value}" for key, value in zip(keys, values, strict=True))
    bold = "\n".join(f"*{key}* {value}" for key, value in zip(keys, values, strict=True))
    mine, original, quote = "\n".join(MINE), "\n".join(ORIGINAL), quoted(ORIGINAL)
    return {
        "gmail top": f"{mine}\n\n{gmail}\n\n{quote}\n",
        "gmail wrapped": f"{mine}\n\n{wrapped(gmail)}\n\n{quote}\n",
        "gmail without a gap": f"{mine}\n{gmail}\n{quote}\n",
        "gmail bottom": f"{gmail}\n\n{quote}\n\n{mine}\n",
        "gmail inline": f"{gmail}\n\n{quoted(ORIGINAL[:2])}\n\n{MINE[0]}\n\n{quoted(ORIGINAL[3:])}\n\n{MINE[1]}\n",
        "apple quoted attribution": f"{mine}\n\n{language.device}\n\n> {apple}\n> \n{quote}\n",
        "apple": f"{mine}\n\n{language.device}\n\n{apple}\n\n{quote}\n",
        "apple unquoted": f"{mine}\n\n{language.device}\n\n{apple}\n\n{original}\n",
        "device line alone": f"{mine}\n\n{language.device}\n",
        "outlook": f"{mine}\n\n{head}\n\n{original}\n",
        "outlook under a rule": f"{mine}\n\n________________________________\n{head}\n\n{original}\n",
        "outlook under dashes": f"{mine}\n\n-----Original Message-----\n{head}\n\n{original}\n",
        "outlook in bold": f"{mine}\n\n{bold}\n\n{original}\n",
        "nothing quoted": f"{mine}\n",
    }


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_layout(language: Language) -> None:
    for name, text in layouts(language).items():
        assert written_text(text).split() == " ".join(MINE).split(), name
        assert written_text(text, original="\n".join(ORIGINAL)).split() == " ".join(MINE).split(), name
