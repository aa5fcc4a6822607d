"""The form of ``web-archive.json``: what a web archive told that was asked to save the page of a capture.

It is the archive's word, as the operator says that it came: only whoever opens the address sees what lies there.
"""

from dataclasses import dataclass

from evidence.formats.codec import Canonical

WEB_ARCHIVE_FORMAT = "exhibit-web-archive/1"


@dataclass(frozen=True, slots=True)
class WebArchive(Canonical):
    """The file: what came of asking the archive at one capture."""

    archive: str  # its address
    job: str  # its name of the request, as told, or empty
    missing: str  # `no-answer`, `too-slow`, `refused`, `nonsense`, or its word for why nothing is saved; else empty
    address: str  # of the saved page, made of what it told: `archive`, `/web/`, the time in 14 digits, `/`, the page
    format: str = WEB_ARCHIVE_FORMAT  # :data:`WEB_ARCHIVE_FORMAT`
