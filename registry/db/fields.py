"""Column types used by all models."""

from typing import NotRequired, TypeAlias, TypedDict

from django.db import models

from exhibit.digests import Digest
from exhibit.sentences import from_text, to_text
from exhibit.types import Untyped


class StoredFile(TypedDict):
    """A file in the blob store, as stored in a row's JSON.

    ``digest`` is hexadecimal, ``role`` the file's role in a capture, ``crc`` the checksum of a file in a ZIP archive,
    ``bundle`` the bundle's row. ``language`` and ``exhibits`` (first and last number) belong to the printable copy of a
    package. If the bytes may not be stored because of a blocked picture, ``because`` is that picture's hexadecimal
    digest, and only ``digest`` is stored.
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


StoredFiles: TypeAlias = "models.JSONField[list[StoredFile], list[StoredFile]]"


class DigestField(models.BinaryField):  # type: ignore[type-arg]  # the stubs' parameters don't exist at run time
    """A SHA-256 digest as 32 bytes of ``bytea``; :class:`exhibit.digests.Digest` in Python."""

    _pyi_private_set_type: Digest  # the type checker's stubs read the field's types from these attributes
    _pyi_private_get_type: Digest  # type: ignore[assignment]
    _pyi_lookup_exact_type: Digest

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> Digest | None:
        """Convert the column's bytes to a digest."""
        return None if value is None else Digest(bytes(value))

    def to_python(self, value: Untyped) -> Digest | None:
        """Convert a digest, 32 bytes or 64 hexadecimal digits to a digest."""
        if value is None or isinstance(value, Digest):
            return value
        return Digest.from_hex(value) if isinstance(value, str) else Digest(bytes(value))

    def get_prep_value(self, value: Untyped) -> bytes | None:
        """Convert a digest to the column's bytes."""
        digest = self.to_python(value)
        return None if digest is None else digest.raw


class SentenceField(models.TextField):  # type: ignore[type-arg]  # as above
    """A translatable sentence with its values, or a quote.

    The value is text in Python; the column contains JSON or the quote.

    An empty value is stored as an empty string. SQL groups and compares the stored text, that is, whole sentences.
    """

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        """Convert the column's text to a sentence or quote."""
        return None if value is None else from_text(value)

    def get_prep_value(self, value: Untyped) -> str | None:
        """Convert a sentence or quote to the column's text."""
        prepared_value: str | None = super().get_prep_value(value)
        return None if prepared_value is None else to_text(prepared_value)
