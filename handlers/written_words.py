"""The words that mail programs write around what they quote, in many languages, all used at once.

Only what programs write stands here, nothing that would need the language of a mail to be known.
"""

from __future__ import annotations

# The names of the header lines that programs copy above an answered message; blanks in them left out.
HEADER_KEYS = {
    "from": """
        from von de dela da van från fra lähettäjä od feladó kimden gönderen от від отправитель подател saatja no nuo
        šalje dari từ จาก expéditeur remitente remetente mittente afzender avsändare afsender expeditor αποστολέας
        από odesílatel frá nork nondik daripada nga oddiwrth द्वारा प्रेषक од kutoka mulakay
        از 发件人 發件人 寄件者 差出人 送信者 보낸사람 발신자 מאת من
        """,
    "sent": """
        sent date gesendet gesendetam datum envoyé envoyéle enviado enviadoel enviadoem fecha data inviato inviata
        datainvio verzonden verzondenop skickat sendt dato lähetetty päivämäärä pvm wysłano wysłane odesláno dátum
        elküldve odoslané trimis dată στάλθηκε ημερομηνία ημ/νία gönderildi tarih gönderme gönderilmetarihi
        отправлено дата датаотправки надіслано відправлено изпратено 发送时间 日期 時間 傳送時間 寄件日期 送信日時
        日付 日時 보낸날짜 날짜 נשלח תאריך تاريخالإرسال تمالإرسال التاريخ saadetud kuupäev nosūtīts išsiųsta poslano
        dikirim tanggal ngày วันที่ ส่ง đãgửi enviat poslato послато испратено dihantar tarikh bidalia dërguar
        anfonwyd enviada enviadaem inviatoil испратено quando ipinadala imetumwa भेजागया दिनांक تاریخ ارسالشده
        """,
    "to": """
        to an à a para aan till til vastaanottaja do komu címzett către προς kime alıcı кому до 收件人 收件者 宛先
        받는사람 수신자 אל إلى kellele adressaat kam kepada đến ถึง prima za за destinataire destinatario pro pera nori
        nora për प्रति به tới kwa kay untuk
        """,
    "cc": """
        cc kopie kopia kopi copie copia kópia kk dw másolat копия копія 抄送 副本 참조 עותק نسخة bilgi κοιν ccn bcc
        """,
    "subject": """
        subject betreff betrifft objet asunto assunto assumpte oggetto onderwerp ämne emne aihe temat předmět predmet
        tárgy subiect θέμα konu тема относно 主题 主題 主旨 件名 제목 נושא الموضوع teema temats tema zadeva naslov
        subjek perihal chủđề เรื่อง assumpte efni gaia tēma subjekti pwnc विषय موضوع paksa mada
        """,
    "other": """
        reply-to replyto antwortan répondreà risposta rispondia responderpara svartil svaratill importance wichtigkeit
        priority priorität importancia importanza attachments anlagen organization newsgroups 답장
        """,
}

# "Anna wrote:", at the end of an attribution line (with \b around) or anywhere in it (without blanks between words).
WROTE = """
    wrote writes schrieb schreibt écrit ecrit escribió escribio escreveu scritto scrive schreef geschreven skrev
    kirjoitti napisał napisała napisał(a) napsal napsala napsal(a) napísal napísala napísal(a) írta scris έγραψε yazdı
    написал написала написал(а) пишет пише написав kirjutas rakstīja rašė napisao escriure escrigué menulis viết
    pisze napisana napisala napisao написао написала написа escrit escribiu geschrieben skrifaði כתב כתבה كتب كتبت
    """
WROTE_INSIDE = (
    "写道", "寫道", "写到", "さんは書", "のメール", "님이 작성", "님이작성", "작성:", "쓴 글", "เขียน", "लिखा", "نوشت",
)  # fmt: skip

# "----- Original Message -----": the first or the last word that is peculiar to it, and a word for a message
ORIGINAL = """
    original origin ursprünglich oprindelig opprinnelig alkuperäi исходн первоначальн початков původn pôvodn eredeti
    αρχικ orijinal özgün izvorn oorspronkelijk algne sākotnēj asli מקורית الأصلية gốc 原 元の 원본
    """
MESSAGE = """
    message mail nachricht mensaje mensagem messaggio bericht meddelande meddelelse besked melding viesti wiadomość
    zpráva správa üzenet mesaj сообщени повідомленн съобщение μήνυμα poruka sporočilo teade ziņojum laišk pesan thư
    appointment הודעה رسالة 邮件 郵件 メッセージ 메시지
    """

# "---------- Forwarded message ----------", "Begin forwarded message:"
FORWARDED_INSIDE = """
    forwarded weitergeleitet weiterleitung transféré réexpédié reenviado reencaminhad encaminhad inoltrat doorgestuurd
    vidarebefordra videresend videreformidl välitetty edelleen przekazan přeposlan preposlan továbbított redirecționat
    προωθ iletilen iletilmiş пересылаемое пересланное переслане пересилається препратено edastatud pārsūtīt persiųst
    proslijeđen posredovan diteruskan 转发 轉寄 轉發 転送 전달 הועבר توجيه
    """

# "Sent from my iPhone": before the product, after it, and the products.
SENT_BEFORE = (
    "sent from", "sent via", "sent with", "sent by", "sent using", "sent on", "mailed from", "written on",
    "from my", "gesendet von", "gesendet mit", "gesendet über", "gesendet aus", "versendet mit",
    "geschickt von", "envoyé de", "envoyé depuis", "envoyé à partir", "envoyé avec", "envoyé par", "envoyé via",
    "envoyé d", "enviado desde", "enviado con", "enviado do", "enviado da", "enviado a partir", "enviado pelo",
    "enviado via", "enviado por", "enviada do", "enviat des", "inviato da", "inviato dal", "inviato dall",
    "inviato con", "inviato tramite", "verzonden vanaf", "verzonden van", "verzonden met", "verzonden via",
    "verstuurd vanaf", "verstuurd met", "skickat från", "skickades från", "skickat med", "skickat via",
    "sendt fra", "sendt med", "sendt via", "lähetetty", "wysłane z", "wysłano z", "wysłany z", "wysłane za",
    "odesláno z", "odesláno ze", "odoslané z", "odoslané zo", "elküldve", "küldve", "trimis de pe",
    "trimis din", "στάλθηκε από", "εστάλη από", "отправлено с", "отправлено со", "отправлено из",
    "отправлено от", "послано с", "надіслано з", "надіслано із", "відправлено з", "изпратено от", "poslano s",
    "poslano sa", "poslano iz", "poslano z", "saadetud", "išsiųsta iš", "nosūtīts no", "dikirim dari", "从我的",
    "從我的", "发自我的", "發自我的", "来自我的", "發送自", "传送自", "傳送自", "발신:", "נשלח מ", "أرسلت من",
    "تم الإرسال من", "đã gửi từ", "ส่งจาก", "dihantar dari", "poslato sa", "poslato iz", "послато са", "послато из",
    "испратено од", "išsiųsta", "enviado dende", "dërguar nga", "sent úr", "sent frá", "أرسل من", "أُرسلت من", "أُرسل من",
    "sicher versendet", "sicher gesendet", "secured with", "protected by",
)  # fmt: skip
OPENERS = ("von mein", "von unterwegs", "diese nachricht wurde", "diese e-mail wurde", "this message was sent from")
SENT_AFTER = (
    "gesendet", "geschickt", "küldve", "küldték", "gönderildi", "から送信", "から送信されました", "에서 보냄",
    "传送", "傳送", "发送", "發送", "sent", "ارسال شد", "भेजा गया", "bidalia",
)  # fmt: skip
PRODUCTS = """
    iphon ipad ipod ios apple android blackberry galaxy samsung htc huawei xiaomi redmi oneplus pixel nokia lumia
    motorola sony xperia nexus windows outlook mail e-mail mailbox yahoo gmx web.de aol proton tuta k-9 fairemail spark
    airmail thunderbird aquamail hotmail gmail mobil mobiel mobile handy smartphone phone telefon téléphone telefono
    teléfono telefone cell tablet fairphone bluemail device gerät appareil dispositiv enhet toestel laite puhelim
    urządzeni zařízení eszköz cihaz συσκευ κινητό устройств телефон смартфон планшет пристро 手机 手機 携帯
    スマートフォン 휴대 전화 מכשיר טלפון نوكيا هاتف جهاز điện โทรศัพท์ komórk boxer
    """
# "Get Outlook for iOS": the verb, anywhere in a short line that also names Outlook and the system.
GET = """
    get download beziehen holen erhalten télécharger obtenir obtenez obtener descargar obtenga obter obtenha baixe
    transferir scarica ottieni downloaden hämta skaffa hent skaff få hanki lataa pobierz uzyskaj získat získať
    získejte stáhnout stiahnuť letöltése beszerzése töltse obțineți descărcați λήψη αποκτήστε κατεβάστε edinin indirin
    скачать получить загрузить отримати завантажити вземете изтеглете preuzmite nabavite prenesite pridobite
    parsisiųsti gauti lejupielādēt iegūt hangi laadi baixeu obteniu obtén 获取 下载 取得 下載 入手 ダウンロード 다운로드
    가져오기 받기 השג קבל הורד احصل الحصول تنزيل tải nhận รับ ดาวน์โหลด dapatkan unduh sækja eskuratu
    """
EXCUSES = "please excuse forgive pardon sorry apolog typo brevity"
