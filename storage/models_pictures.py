"""The table of what the pictures of posts look like, from which letters tell photos from logos."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from storage.models import BigId


class PictureLook(SQLModel, table=True):
    """One picture of a message; found out when a letter first shows its post, and again whenever that is needed."""

    __tablename__: ClassVar[str] = "picture_look"
    content_id: int = Field(
        sa_column=Column(BigId, ForeignKey("message.id"), primary_key=True, autoincrement=False)
    )  # of the message as received
    part: int = Field(primary_key=True)  # its place among the parts of the message
    sha256: bytes = Field(sa_type=LargeBinary, index=True)  # of its bytes as they came
    size: int  # bytes, decoded
    width: int = 0  # pixels; 0: nobody could open it
    height: int = 0
    colours: int = 0
    fingerprint: int = Field(default=0, sa_type=BigInteger)  # 64 bits, as a signed number
