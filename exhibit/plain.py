"""Texts that people give, without what acts on terminals, mails and tables or shows other words than are there."""

import re
import unicodedata

_ACTING = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_ACTS = re.compile(f"[{_ACTING}]")


def plain(text: str) -> str:
    """A text without control characters, changes of its direction and halves of characters; lines stay lines."""
    return _ACTS.sub("", text)


def printable(text: str) -> str:
    """A text for a terminal: what would act there or is unseen is replaced; lines and spaces of every width stay."""
    return "".join(sign if _is_seen(sign) else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _is_seen(sign: str) -> bool:
    return sign.isprintable() or sign == "\n" or unicodedata.category(sign) == "Zs"


def decoded(data: bytes) -> str:
    """UTF-8 where the bytes are that, and Latin-1 where they aren't."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def mended(text: str) -> str:
    """A text that was read as Latin-1, as UTF-8 where its bytes are that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def one_line(text: str) -> str:
    """The same as one line, its words with single spaces between them."""
    return " ".join(plain(text).split())


def has_visible_letter(text: str) -> bool:
    """Return True if a reader sees a letter or a digit in a text: a name without any names nobody.

    Some signs are letters by their category and blank on every page, such as U+3164 HANGUL FILLER.
    """
    return any(sign.isalnum() and not _is_blank(sign) for sign in text)


def fold_name(name: str) -> str:
    """A name without what readers don't tell apart: case, width, spaces and unseen signs. Equal ones are one name."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = (sign for sign in folded if sign.isspace() or not _is_unseen(sign))
    return " ".join("".join(seen).split())


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_IGNORABLE = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that change no sign by themselves (Unicode, ``Default_Ignorable_Code_Point``, those of category Mn)."""


def _is_unseen(sign: str) -> bool:
    return _is_blank(sign) or unicodedata.category(sign) in _UNSEEN or _IGNORABLE.match(sign) is not None


def _is_blank(sign: str) -> bool:
    words = unicodedata.name(sign, "").split()
    return "FILLER" in words or "BLANK" in words
