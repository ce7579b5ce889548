"""The tables behind the models, for statements that make no objects of their rows."""

from __future__ import annotations

from sqlalchemy import Table
from sqlmodel import SQLModel

from storage import (
    models,
    models_bans,
    models_cleaned,
    models_letters,
    models_mutes,
    models_pictures,
    models_private,
    models_reactions,
    models_repeats,
    models_threads,
    models_umbrella,
)


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


action_token = _table(models.ActionToken)
address = _table(models.Address)
arrival = _table(models.Arrival)
ban = _table(models_bans.Ban)
cleaned_message = _table(models_cleaned.CleanedMessage)
delivery = _table(models.Delivery)
event = _table(models.Event)
hidden_memory = _table(models_letters.HiddenMemory)
letter = _table(models_letters.Letter)
letter_edition = _table(models_letters.LetterEdition)
letter_entry = _table(models_letters.LetterEntry)
letter_reader = _table(models_letters.LetterReader)
mailing_list = _table(models.MailingList)
member = _table(models.Member)
member_list = _table(models_umbrella.MemberList)
membership = _table(models.Membership)
message = _table(models.Message)
muted_thread = _table(models_mutes.MutedThread)
picture_look = _table(models_pictures.PictureLook)
post = _table(models.Post)
private_mail = _table(models_private.PrivateMail)
reaction = _table(models_reactions.Reaction)
repeated_post = _table(models_repeats.RepeatedPost)
signing_key = _table(models.SigningKey)
thread = _table(models.Thread)
thread_mark = _table(models_threads.ThreadMark)
thread_reference = _table(models.ThreadReference)

MADE_AGAIN = (cleaned_message, picture_look)
"""What is found out about a message, and is of no use without it."""
