"""What is put into each bundle for a reader without this program, and which versions of it are known."""

import json
from pathlib import Path

from exhibit.digests import Digest

FOLDER = Path(__file__).parent
_EARLIER: dict[str, list[str]] = json.loads((FOLDER / "earlier.json").read_text("utf-8"))
"""SHA-256 of the versions that earlier releases put into bundles."""

KNOWN_TOOLS = {name: {*earlier, Digest.of_file(FOLDER / name).hex} for name, earlier in _EARLIER.items()}
"""SHA-256 digests of all known versions, by name."""
