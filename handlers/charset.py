"""Bytes of any charset into text, without ever failing."""

from __future__ import annotations

import re
from encodings.aliases import aliases

_NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}

# Names that real mail uses beside Python's own, and supersets for what is declared too narrowly
# (Windows writes cp1252 and calls it iso-8859-1; Chinese mail says gb2312 and means gb18030).
_EXTRA = {
    "ansi_x3_4_1968": "ascii",
    "ascii": "ascii",
    "us_ascii": "ascii",
    "cp874": "cp874",
    "windows_874": "cp874",
    "koi8_u": "koi8_u",
    "koi8_ru": "koi8_u",
    "utf8": "utf_8",
    "utf8mb4": "utf_8",
    "unicode": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "x_unicode_2_0_utf_7": "utf_7",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "latin1": "cp1252",
    "l1": "cp1252",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "iso_8859_6_e": "iso8859_6",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x_sjis": "cp932",
    "big5": "big5hkscs",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
}

# A closed table: asking the codec registry for whatever a mail names would import modules by a stranger's words,
# keep every name for ever, and offer him codecs that take quadratic time (punycode, idna).
_CODECS: dict[str, str] = {
    **{codec: codec for codec in aliases.values() if codec not in _NOT_TEXT},
    **{alias: codec for alias, codec in aliases.items() if codec not in _NOT_TEXT},
    **_EXTRA,
}
_SEPARATORS = re.compile(r"[\s_.:-]+")


def codec_named(charset: str) -> str | None:
    """Python's codec for a charset name as mail writes it, None when it is unknown."""
    name = _SEPARATORS.sub("_", charset[:60].strip("\"' \t").lower())
    return _CODECS.get(name) or _CODECS.get(name.replace("_", ""))


def text_of(data: bytes, charset: str = "") -> str:
    """The text of *data*. An unknown or wrong charset falls back to UTF-8, then to windows-1252 and Latin-1."""
    codec = codec_named(charset)
    if codec == "cp1252":
        return _western(data)
    if codec is not None and codec != "ascii":
        try:
            decoded = data.decode(codec)
            # UTF-7 alone can spell half of a surrogate pair, which nothing else could write down again.
            return decoded.encode("utf-8", "replace").decode("utf-8") if codec == "utf_7" else decoded
        except (UnicodeError, ValueError):
            if not codec.startswith("utf"):
                return data.decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # One broken character in a text that says it is UTF-8 must not spoil all the others.
        return data.decode("utf-8", "replace") if codec == "utf_8" and _mostly_utf8(data) else _western(data)


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _mostly_utf8(data: bytes) -> bool:
    high = sum(1 for byte in data[:100_000] if byte >= 0x80)
    return data[:100_000].decode("utf-8", "replace").count("�") * 3 < high
