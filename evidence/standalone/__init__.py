"""The files that every bundle contains for readers without Exhibit."""

from pathlib import Path

from exhibit.digests import Digest

FOLDER = Path(__file__).parent
KNOWN_TOOLS = {name: {Digest.from_file(FOLDER / name).hex} for name in ("VERIFY.md", "verify.py")}
"""SHA-256 digests by file name. A release that changes a file adds the digest of the released one here, because each
later version verifies the bundles of every release."""
