"""What is put into each bundle for a reader without this program, and which versions of it are known."""

from pathlib import Path

from exhibit.digests import Digest

_FOLDER = Path(__file__).parent
_EARLIER: dict[str, frozenset[str]] = {"VERIFY.md": frozenset(), "verify.py": frozenset()}
"""SHA-256 of the versions that earlier releases put into bundles."""

KNOWN_TOOLS = {name: earlier | {Digest.of_file(_FOLDER / name).hex} for name, earlier in _EARLIER.items()}
"""SHA-256 digests of all known versions, by name."""
