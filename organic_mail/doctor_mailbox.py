"""The checks of `doctor` in mailbox mode: can we read the mailbox, and how much may it still send?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from organic_mail.config import Settings
from organic_mail.finding import Finding, fatal, note, ok, warning
from organic_mail.home import Opened
from organic_mail.imap_profile import imap_place, imap_secret, mailbox_address, own_mailbox
from organic_mail.imap_session import INBOX, TAKEN_FOLDER, Declined, ImapSession, ImapTrouble, LoginRefused
from storage.budget import sent_in_a_day

PATIENCE = 5.0  # seconds for each answer


def mailbox(settings: Settings) -> Iterator[Finding]:
    """Logs in and looks at the folders; nothing is read and nothing is changed."""
    place = imap_place(settings)
    mailbox_address(settings)
    try:
        session = ImapSession.open(place, imap_secret(settings), connect=PATIENCE, answer=PATIENCE)
    except LoginRefused as refused:
        cure = "write the right one into mailbox.password_file; most providers want an app password"
        yield fatal("mailbox", f"{place} refuses our name and password ({refused})", cure)
        return
    except ImapTrouble as trouble:
        cure = "correct mailbox.imap, or wait until the provider is back; what comes meanwhile waits there"
        yield fatal("mailbox", f"{place} cannot be read ({trouble})", cure)
        return
    try:
        yield from _folders(session, str(place))
    except (ImapTrouble, Declined) as trouble:
        yield fatal("mailbox", f"{place} lets us in, and does not show its folders ({trouble})", "ask the provider why")
    finally:
        session.close()


def _folders(session: ImapSession, place: str) -> Iterator[Finding]:
    session.select(INBOX)
    ways = [
        "new mail is told at once" if session.pushes else "new mail is asked for every minute",
        f'what was taken goes to "{TAKEN_FOLDER}"'
        + ("" if session.has_folder(TAKEN_FOLDER) else ", which will be made"),
    ]
    yield ok("mailbox", f"{place} lets us in; {'; '.join(ways)}")
    junk = session.junk_folder()
    if junk:
        yield ok("spam folder", f'"{junk}" is looked into, too')
    else:
        yield note("spam folder", "no folder for spam was found", "make sure that the provider throws no mail away")


def budget(opened: Opened, now: datetime) -> Iterator[Finding]:
    settings = opened.settings
    most, sent = settings.mailbox.daily_budget, opened.database.read(lambda session: sent_in_a_day(session, now))
    finding = f"{sent} of {most} mails went out in the last 24 hours"
    if sent < most:
        yield ok("budget", finding)
    else:
        cure = "what is due waits; raise mailbox.daily_budget if the provider lets this account send more"
        yield warning("budget", finding, cure)
    own = own_mailbox(settings, opened.database)
    if own is not None and not own.plus:
        yield note(
            "plus addresses",
            f"mail to {own.address.replace('@', '+anything@')} has not arrived so far, so Subjects tell what is wanted",
            "nothing needs doing; for several lists choose a provider that has such addresses",
        )
