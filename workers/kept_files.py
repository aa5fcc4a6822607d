"""The files of reports and packages: bytes that rows name, removed when the last row lets go of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from exhibit.digests import Digest
from registry.locks import Lock, hold
from registry.models import Package, Report
from workers.wiring import House

File = Mapping[str, Any]
"""One entry of a row's ``files``: ``digest`` in hexadecimal, among others."""


def all_kept(house: House, files: Sequence[File]) -> bool:
    """Whether all bytes are here, held until the end of the transaction that records the files."""
    hold(Lock.FILES)
    return all(Digest.from_hex(one["digest"]) in house.blobs for one in files)


def remove_unused(house: House, files: Sequence[File]) -> None:
    """Remove bytes that no row names any more; two reports may have the same table, two packages the same bundle."""
    with transaction.atomic():
        hold(Lock.FILES)
        for digest in {one["digest"] for one in files}:
            named = {"files__contains": [{"digest": digest}]}
            if not Report.objects.filter(**named).exists() and not Package.objects.filter(**named).exists():
                house.blobs.remove(Digest.from_hex(digest))
