"""Many bytes for one reader: some are fetched at once, and the next ones while the reader works on those before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from exhibit.digests import Digest
from exhibit.errors import ExhibitError

AHEAD = 4
"""So many groups are fetched beside one another, ahead of the reader."""

Group = tuple[Sequence[Digest], Callable[[], Mapping[Digest, bytes]]]
"""Digests that are fetched together, and what fetches them: those that it found, not verified."""


class ReadAhead:
    """Gives bytes by their digest as ``get`` does, which it asks where it hasn't got them; each is given once."""

    def __init__(self, get: Callable[[Digest], bytes], groups: Iterable[Group]) -> None:
        self._get, self._groups = get, list(groups)
        self._where = {digest: number for number, (digests, _) in enumerate(self._groups) for digest in digests}
        self._coming: dict[int, Future[Mapping[Digest, bytes]]] = {}
        self._begun, self._here = 0, dict[Digest, bytes]()
        self._pool = ThreadPoolExecutor(AHEAD)

    def __call__(self, digest: Digest) -> bytes:
        """The bytes; raises as ``get`` does."""
        number = self._where.pop(digest, None)
        if number is not None:
            self._begin(number + AHEAD)
            if number in self._coming:
                with suppress(ExhibitError):  # it is asked for once more below, and told then
                    self._here |= self._coming.pop(number).result()
        data = self._here.pop(digest, None)
        return data if data is not None and Digest.of(data) == digest else self._get(digest)

    def _begin(self, up_to: int) -> None:
        for number in range(self._begun, min(up_to, len(self._groups))):
            self._coming[number] = self._pool.submit(self._groups[number][1])
            self._begun = number + 1
