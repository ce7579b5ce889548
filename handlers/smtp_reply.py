"""What our SMTP server says about the conversation itself, and how a reply is written on the wire."""

from __future__ import annotations

import textwrap
from functools import lru_cache

from handlers.reply import Reply

_WIDTH = 300  # RFC 5321 §4.5.3.1.5 allows 512

OK = Reply(250, "2.0.0", "OK")
START_TLS = Reply(220, "2.0.0", "Ready for TLS")
BYE = Reply(221, "2.0.0", "Goodbye")
CLOSING = Reply(421, "4.3.2", "We are closing for a moment. Please try again soon")
ENDED_TWICE = Reply(421, "4.7.0", "We cannot tell where your mail ended. Goodbye")
TOO_SLOW = Reply(421, "4.4.2", "You have been silent for too long. Please try again")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a mail. Goodbye")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many commands that we cannot take. Goodbye")
NO_ROOM = Reply(452, "4.3.1", "We have no room for more mail just now. Please try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients in one mail. Please send the rest in another one")
TOO_LONG = Reply(500, "5.5.2", "This command is too long")
UNKNOWN_COMMAND = Reply(500, "5.5.1", "We do not know this command")
NOT_OFFERED = Reply(502, "5.5.1", "We do not offer this command")
HELLO_FIRST = Reply(503, "5.5.1", "Please say EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "Please say MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "Please name a recipient first")
MAIL_TWICE = Reply(503, "5.5.1", "MAIL was said already")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NAME_WANTED = Reply(501, "5.5.4", "Please say who you are")


@lru_cache(maxsize=256)
def wire_of(reply: Reply) -> bytes:
    """The reply as lines, its enhanced code on each (RFC 2034 §4); ASCII, since few clients ask for more."""
    text = " ".join(reply.text.encode("ascii", "replace").decode().split())
    texts = textwrap.wrap(text, _WIDTH) or [""]
    lines = [f"{reply.code}-{reply.enhanced} {text}\r\n" for text in texts[:-1]]
    lines.append(f"{reply.code} {reply.enhanced} {texts[-1]}\r\n")
    return "".join(lines).encode()
