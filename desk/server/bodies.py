"""What clients send and what isn't read yet, in files that have no name: none of it fills the memory or the disk."""

import tempfile
import threading
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from desk.server.limits import KIB, Limits

IN_MEMORY = 64 * KIB
"""Bytes of a body that need no file."""


class RefusedRequestError(Exception):
    """A request that is answered without the site: with a status and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Whose(StrEnum):
    """Whose bytes lie on the disk; each has room of its own."""

    STRANGERS = "strangers"
    KNOWN = "known"
    ANSWERS = "answers"


class Room:
    """How many bytes lie on the disk for this process's clients; asked by its threads, too."""

    def __init__(self, limits: Limits, folder: Path | None) -> None:
        self.folder = None if folder is None else str(folder)
        self._most = {
            Whose.STRANGERS: limits.buffered,
            Whose.KNOWN: limits.buffered_of_known,
            Whose.ANSWERS: limits.buffered_of_known,
        }
        self._taken = dict.fromkeys(Whose, 0)
        self._lock = threading.Lock()

    def take(self, whose: Whose, size: int) -> None:
        """Count so many bytes more, or fewer; raises ``RefusedRequestError`` where there is no room for more."""
        with self._lock:
            if size > 0 and self._taken[whose] + size > self._most[whose]:
                sentence = "Too much is being sent at this moment; try again in a minute."
                raise RefusedRequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
            self._taken[whose] += size

    def taken(self, whose: Whose) -> int:
        """Bytes of somebody's that lie there."""
        return self._taken[whose]


@dataclass
class Body:
    """Bytes that come or wait; small ones in memory, others in a file.

    Attributes:
        room: is asked for what doesn't fit into memory.
        whose: whose room it takes.
        in_memory: bytes that need none.
    """

    room: Room
    whose: Whose
    in_memory: int = IN_MEMORY

    def __post_init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(self.in_memory, dir=self.room.folder)  # noqa: SIM115 - it is closed below
        self.size = self._taken = 0

    def write(self, data: bytes) -> None:
        """Keep what comes; raises ``RefusedRequestError`` where there is no room for it."""
        self.size += len(data)
        if self.size > self.in_memory:
            self._take(self.whose, self.size)
        try:
            self.file.write(data)
        except OSError as error:
            sentence = "There is no room for what was sent; try again later."
            raise RefusedRequestError(HTTPStatus.INSUFFICIENT_STORAGE, sentence) from error

    def belongs_to(self, whose: Whose) -> None:
        """It is somebody else's from now on."""
        size, before = self._taken, self.whose
        self._take(before, 0)
        self.whose = whose
        self._take(whose, size)

    def close(self) -> None:
        """Throw it away."""
        self._take(self.whose, 0)
        self.file.close()

    def _take(self, whose: Whose, size: int) -> None:
        self.room.take(whose, size - self._taken)
        self._taken = size
