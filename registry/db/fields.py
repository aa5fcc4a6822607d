"""Column types of the installation."""

from typing import NotRequired, TypeAlias, TypedDict

from django.db import models

from exhibit.digests import Digest
from exhibit.sentences import from_text, to_text
from exhibit.types import Untyped


class KeptFile(TypedDict):
    """A file whose bytes are among the blobs, as the JSON of a row lists it.

    ``digest`` is hexadecimal, ``role`` what a capture's file is, ``crc`` the checksum of a ZIP's, ``bundle`` its row.
    ``language`` and ``exhibits``, the first and the last, are those of a package's reading copy.
    ``because`` is the picture, in hexadecimal, because of which the bytes weren't stored: only their digest is.
    """

    name: str
    digest: str
    size: int
    media_type: NotRequired[str]
    role: NotRequired[str]
    crc: NotRequired[int]
    language: NotRequired[str]
    exhibits: NotRequired[list[int]]
    bundle: NotRequired[int]
    because: NotRequired[str]


KeptFiles: TypeAlias = "models.JSONField[list[KeptFile], list[KeptFile]]"


class DigestField(models.BinaryField):  # type: ignore[type-arg]  # the stubs' parameters don't exist at run time
    """A SHA-256 digest as 32 bytes of ``bytea``; :class:`exhibit.digests.Digest` in Python."""

    _pyi_private_set_type: Digest  # how the stubs learn a field's type
    _pyi_private_get_type: Digest  # type: ignore[assignment]
    _pyi_lookup_exact_type: Digest

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> Digest | None:
        """Turn the column's bytes into a digest."""
        return None if value is None else Digest(bytes(value))

    def to_python(self, value: Untyped) -> Digest | None:
        """Accept a digest, 32 bytes or 64 hexadecimal digits."""
        if value is None or isinstance(value, Digest):
            return value
        return Digest.from_hex(value) if isinstance(value, str) else Digest(bytes(value))

    def get_prep_value(self, value: Untyped) -> bytes | None:
        """Turn a digest into the column's bytes."""
        digest = self.to_python(value)
        return None if digest is None else digest.raw


class SentenceField(models.TextField):  # type: ignore[type-arg]  # as above
    """A sentence of ours with the values it was made of, or a quote: text in Python, JSON or the quote in the column.

    An empty one is empty in the column, too. SQL sees the column: what it groups or compares are whole sentences.
    """

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Turn the column's text into a sentence or quote."""
        return None if value is None else from_text(value)

    def get_prep_value(self, value: Untyped) -> str | None:
        """Turn a sentence or quote into the column's text."""
        prepared: str | None = super().get_prep_value(value)
        return None if prepared is None else to_text(prepared)
