"""A filing for a board or a court as one ZIP: the signed files and the bundles of its cases."""

import io
from collections.abc import Iterator
from functools import partial
from zipfile import ZipFile, ZipInfo

from exhibit.digests import CHUNK_BYTES
from exhibit.errors import NotFoundError
from registry.bundles.bundles import get_bundle_file_name, write_bundle_zip, write_to_temporary_file
from registry.bundles.models import Bundle
from registry.notices.enclosures import load_last_bundles
from registry.notices.models import Notice
from registry.notices.notices import FILINGS
from registry.notices.signing import get_download_name, load_file
from registry.services.services import Services


def get_packet_name(notice: Notice) -> str:
    """Return the name of a filing's ZIP, such as ``studio-court-packet-3.zip``."""
    return f"{notice.owner.slug}-{notice.kind}-packet-{notice.number}.zip"


def build_packet(services: Services, notice: Notice) -> tuple[Iterator[bytes], list[str]]:
    """Return a filing's ZIP, generated while it is sent, and the seal digests of its bundles.

    It contains the last bundle of each case at the time of signing. The bytes stay the same until a bundle receives
    another timestamp.

    Raises:
        NotFoundError: The notice is of another kind or not signed, or a file may no longer be shown.
    """
    if notice.kind not in FILINGS or notice.signed_at is None:
        raise NotFoundError(f"Notice {notice.number} has no filing ZIP.")
    files = {file["name"]: load_file(services, notice, file["name"]) for file in notice.files}
    signed_files = {
        get_download_name(notice, name): content[0] for name, content in files.items() if content is not None
    }
    cases = [row.case for row in notice.notice_cases.select_related("case").order_by("case__number")]
    last_bundles = load_last_bundles(cases, until=notice.signed_at)
    bundles = [last_bundles[case.pk] for case in cases if case.pk in last_bundles]
    return _generate_zip(services, signed_files, bundles), [str(row.seal_digest) for row in bundles]


class _ZipBuffer(io.RawIOBase):
    """A write-only buffer for a ZIP; :meth:`take_bytes` returns and removes the bytes written so far."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:  # type: ignore[override] # zipfile gives bytes
        self._data += data
        return len(data)

    def take_bytes(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def _generate_zip(services: Services, signed_files: dict[str, bytes], bundles: list[Bundle]) -> Iterator[bytes]:
    """Yield the ZIP. Bundles are assembled one at a time, so that only one of them is on disk."""
    sources = {name: partial(io.BytesIO, data) for name, data in sorted(signed_files.items())}
    writers = {
        get_bundle_file_name(row): partial(write_to_temporary_file, partial(write_bundle_zip, services, row))
        for row in bundles
    }
    buffer = _ZipBuffer()
    with ZipFile(buffer, "w") as archive:
        for name, open_stream in (sources | writers).items():
            with open_stream() as source:
                info = ZipInfo(name)  # The default date of 1980 keeps the bytes the same each time.
                info.file_size, info.external_attr = source.seek(0, io.SEEK_END), 0o644 << 16
                source.seek(0)
                with archive.open(info, "w") as target:
                    while chunk := source.read(CHUNK_BYTES):
                        target.write(chunk)
                        yield buffer.take_bytes()
    yield buffer.take_bytes()
