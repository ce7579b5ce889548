"""A member has a new address: she says so from one that we know, and confirms it from the new one (behaviours 74)."""

from __future__ import annotations

import re
import unicodedata

from handlers.address import AddressProblem, Mailbox, entered_mailbox
from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.message import Message
from handlers.outcome import (
    ACCEPTED,
    Outcome,
)
from handlers.policy import awaiting_author, writer
from handlers.route import in_domain
from handlers.wishes import AskToMove
from handlers.written import written_text_of
from storage.models import Status

_HERE = (Status.ACTIVE, Status.PAUSED)
_ADDRESS = re.compile(r"(?:mailto:)?<?([^\s<>@,;:]+@[^\s<>@,;:]+[^\s<>@,;:.!?)])>?")
_WORDS = re.compile(r"[^\W\d_]+")
_LONGEST = 160
_SAYS = frozenset({
    "new address", "my new address", "my new address is", "my address is now", "my address has changed to",
    "change my address to", "change address to", "please use", "from now on use", "move me to", "i have moved to",
    "neue adresse", "meine neue adresse", "meine neue adresse ist", "meine neue adresse lautet",
    "meine adresse ist jetzt", "meine adresse ist nun", "ändere meine adresse zu", "adresse ändern",
    "nouvelle adresse", "ma nouvelle adresse", "ma nouvelle adresse est", "mon adresse est maintenant",
    "changer mon adresse", "j ai changé d adresse",
    "nueva dirección", "mi nueva dirección", "mi nueva dirección es", "mi dirección es ahora", "cambiar mi dirección a",
    "nuevo correo", "mi nuevo correo es",
    "ny adress", "min nya adress", "min nya adress är", "min adress är nu", "byt min adress till",
    "ändra min adress till",
})  # fmt: skip
_NOISE = frozenset(
    {"email", "mail", "e", "please", "thanks", "hello", "hi", "bitte", "danke", "hallo", "merci", "tack"}
)


def decide_moving(incoming: Incoming, facts: Facts) -> Outcome | None:
    """None when it is about something else."""
    membership, new = facts.membership, new_address_in(incoming.message)
    if new is None or membership is None or membership.status not in _HERE or in_domain(new.address, facts.host.domain):
        return None
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it is really {writer(incoming, facts)} who asks.")
    return Outcome(ACCEPTED, (AskToMove(membership.member_id, id_of(facts.mailing_list or membership), new.address),))


def new_address_in(message: Message) -> Mailbox | None:
    """Only of a message that says nothing else."""
    lines = [line for line in written_text_of(message.raw).strip().splitlines() if line.strip()]
    text = unicodedata.normalize("NFC", " ".join(lines[:2]))
    found = _ADDRESS.findall(text)
    if len(found) != 1 or len(text) > _LONGEST:
        return None
    words = [word for word in _WORDS.findall(_ADDRESS.sub(" ", text).casefold()) if word not in _NOISE]
    if " ".join(words) not in _SAYS:
        return None
    try:
        return entered_mailbox(found[0])
    except AddressProblem:
        return None
