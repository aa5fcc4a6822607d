"""Column types of the installation."""

from typing import Any

from django.db import models

from exhibit.digests import Digest


class DigestField(models.BinaryField):  # type: ignore[type-arg]  # the stubs' parameters don't exist at run time
    """A SHA-256 digest as 32 bytes of ``bytea``; :class:`exhibit.digests.Digest` in Python."""

    _pyi_private_set_type: Digest  # how the stubs learn a field's type
    _pyi_private_get_type: Digest  # type: ignore[assignment]
    _pyi_lookup_exact_type: Digest

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> Digest | None:
        """Turn the column's bytes into a digest."""
        return None if value is None else Digest(bytes(value))

    def to_python(self, value: Any) -> Digest | None:  # noqa: ANN401 - Django's signature
        """Accept a digest, 32 bytes or 64 hexadecimal digits."""
        if value is None or isinstance(value, Digest):
            return value
        return Digest.from_hex(value) if isinstance(value, str) else Digest(bytes(value))

    def get_prep_value(self, value: Any) -> bytes | None:  # noqa: ANN401 - Django's signature
        """Turn a digest into the column's bytes."""
        digest = self.to_python(value)
        return None if digest is None else digest.raw

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - Django's signature
        """Turn a digest into the driver's binary value."""
        raw = value if prepared and isinstance(value, bytes) else self.get_prep_value(value)
        return super().get_db_prep_value(raw, connection, prepared)
