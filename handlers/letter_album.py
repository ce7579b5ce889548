"""Which photos of a letter's posts it shows, as long as there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.letter_content import Picture, Voice
from handlers.letter_words import Words

MOST_PICTURES, MOST_PICTURES_OF_ONE = 12, 4
PICTURE_BYTES = 1_500_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the letter: `cid` is its Content-ID without brackets."""

    cid: str
    alt: str
    picture: Picture


class Album:
    """Gives out pictures as long as the letter has room for them."""

    def __init__(self, pictures: Mapping[int, Sequence[Picture]]) -> None:
        """pictures: post id → its photos."""
        self._pictures = pictures
        self._left = MOST_PICTURES
        self._bytes_left = PICTURE_BYTES
        self._of_thread: dict[int, int] = {}

    def of(self, voice: Voice, author: str, words: Words, most: int = MOST_PICTURES_OF_ONE) -> tuple[Shown, ...]:
        all_pictures = self._pictures.get(voice.post_id, ())
        shown: list[Shown] = []
        for number, picture in enumerate(all_pictures[:most], 1):
            used = self._of_thread.get(voice.thread_id, 0)
            if used >= MOST_PICTURES_OF_ONE or not self._left or len(picture.data) > self._bytes_left:
                break
            self._of_thread[voice.thread_id] = used + 1
            self._left -= 1
            self._bytes_left -= len(picture.data)
            alt = words.say(
                "Photo from %(name)s, %(number)s of %(count)s", name=author, number=number, count=len(all_pictures)
            )
            shown.append(Shown(f"p{voice.post_id}.{number}", alt, picture))
        return tuple(shown)
