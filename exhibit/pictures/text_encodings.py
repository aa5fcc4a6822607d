"""Decoding of metadata text with an undeclared character set, without guessing.

Text is certain if it is ASCII, valid UTF-8, or in a declared character set. All other text stays ``bytes`` until a text
in another block of the same file shows its character set (:func:`find_agreeing_encodings`).
"""

import re
import unicodedata
from collections.abc import Iterable

ENCODINGS = (
    "cp1252", "mac_roman", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "iso8859_15", "koi8_r", "mac_latin2", "mac_cyrillic",
    "mac_greek", "mac_turkish", "cp437", "cp850", "cp852", "cp866", "cp874",
    "gb18030", "big5hkscs", "cp932", "euc_jp", "iso2022_jp", "cp949",
)  # fmt: skip
"""Encodings that programs write without declaring them."""
_ESCAPE_SEQUENCE = re.compile(rb"\x1b[$(]")
_COPYRIGHT = re.compile(rb"\xa9(?=[\s\d(,.]|\Z)")
"""The copyright sign in the character sets of Windows and Mac OS. Before a letter, it may be part of a word."""
_RARE_LETTERS = re.compile(
    r"(?![\u00a0-\u017f\u0218-\u021b\u0386-\u03ce\u0400-\u045f\u0490\u0491\u0531-\u0587\u05d0-\u05ea\u0600-\u06ff])"
    r"[\u0080-\u07ff]"
)
"""Two-byte letters of UTF-8 outside the common alphabets."""
_DOUBLE_BYTE_ENCODINGS = ("gb2312", "euc_kr", "euc_jp")
_UNLIKELY_LATIN_1 = re.compile(r"[\xa0-\xff]{2}|(?<=[^\W\d_])[\xa1-\xbf]|[\xa1-\xa8\xaa-\xbf](?=[^\W\d_])")

Text = str | bytes
"""Decoded text, or the bytes of text in an unknown character set."""


def to_text(value: bytes) -> Text:
    """Decode text without a declared character set. Returns the bytes if the encoding is uncertain."""
    value = value.rstrip(b"\0")
    if b"\0" in value or _ESCAPE_SEQUENCE.search(value):  # UTF-16, or ISO 2022 in seven bits
        return value
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError:
        return value.decode("latin-1") if _COPYRIGHT.sub(b"", value).isascii() else value
    return value if _may_be_double_byte(value, text) else text


def _may_be_double_byte(value: bytes, text: str) -> bool:
    """Return True if valid UTF-8 may be ideographs in another encoding, such as 小雪 in GBK.

    Decoded as UTF-8, such bytes are rare letters.
    """
    if re.search(rb"[A-Za-z]", value) or not _RARE_LETTERS.search(text):
        return False
    return any(decode_with(value, encoding) is not None for encoding in _DOUBLE_BYTE_ENCODINGS)


def decode_utf_8(value: bytes) -> Text:
    """Decode text declared as UTF-8. Returns the bytes if it is invalid."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def decode_with(value: bytes, encoding: str, allowed: str = "") -> str | None:
    """Decode text in an encoding. Returns None if the result is implausible, except for characters in ``allowed``."""
    try:
        text = value.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    return text if all(character in allowed or _is_plausible(character) for character in text) else None


def _is_plausible(character: str) -> bool:
    return character in "\t\n\r" or unicodedata.category(character) not in {"Cc", "Cn", "Co", "Cs"}


def decode_latin_1(value: bytes) -> Text:
    """Decode text that a standard declares as Latin-1, as PNG does. Returns the bytes if Latin-1 is unlikely.

    Some programs write such text in their system's character set instead. UTF-8 is detected. Adjacent non-ASCII
    letters, control codes, and symbols inside words are unlikely in Latin-1 names.
    """
    text = to_text(value)
    if isinstance(text, str):
        return text
    decoded = decode_with(text, "latin-1")
    return text if decoded is None or _UNLIKELY_LATIN_1.search(decoded) else decoded


def find_agreeing_encodings(values: Iterable[bytes], known_values: Iterable[str]) -> list[str]:
    """Return the encodings in which a value equals, or contains, a known text of another block.

    Args:
        values: Undecoded texts of one block, which a program wrote in one character set.
        known_values: Certain texts of other blocks of the same file.
    """
    known_texts = [normalise_text(text) for text in known_values if not text.isascii()]
    undecoded = list(values)
    matching_encodings = []
    for encoding in ENCODINGS:
        texts = [normalise_text(text) for value in undecoded if (text := decode_with(value, encoding)) is not None]
        if len(texts) == len(undecoded) and any(known_text in text for known_text in known_texts for text in texts):
            matching_encodings.append(encoding)
    return matching_encodings


def decode_if_unambiguous(value: bytes, encodings: Iterable[str]) -> str | None:
    """Return the decoded text if all these encodings give the same result; otherwise None."""
    texts = {decode_with(value, encoding) for encoding in encodings}
    return texts.pop() if len(texts) == 1 else None


def normalise_text(text: str) -> str:
    """Return the normalised form in which texts of different blocks are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
