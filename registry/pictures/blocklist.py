"""Pictures whose bytes may not be stored."""

from collections.abc import Iterable

from exhibit.digests import Digest
from registry.pictures.models import BlockedDigest


def find_blocked_digests(digests: Iterable[Digest]) -> set[Digest]:
    """Return the blocked digests among those given."""
    rows = BlockedDigest.objects.filter(digest__in=list(digests)).values_list("digest", flat=True)
    return {digest for digest in rows if digest is not None}
