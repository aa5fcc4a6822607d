"""What clients send and what isn't read yet, in files that have no name: none of it fills the memory or the disk."""

import tempfile
import threading
from collections import Counter
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


@dataclass(frozen=True, slots=True)
class Client:
    """The client that sends or reads a body.

    Attributes:
        address: the network address, as :func:`desk.server.connections.network_of` returns it.
        caller: the name of the account, link or machine; empty for an unknown client.
    """

    address: str
    caller: str = ""


class Room:
    """How many bytes lie on the disk for this process's clients; asked by its threads, too.

    Each caller and each address has a share, so that one client cannot use all of it.
    """

    def __init__(self, limits: Limits, folder: Path | None) -> None:
        self.folder = None if folder is None else str(folder)
        self._most = {
            Whose.STRANGERS: limits.buffered,
            Whose.KNOWN: limits.buffered_of_known,
            Whose.ANSWERS: limits.buffered_of_known,
        }
        self._caller_share, self._address_share = limits.caller_share, limits.address_share
        self._taken: Counter[tuple[Whose, str, str]] = Counter()
        self._lock = threading.Lock()

    def take(self, whose: Whose, client: Client, size: int) -> None:
        """Count so many bytes more, or fewer; raises ``RefusedRequestError`` where there is no room for more."""
        caller = (whose, "caller", client.caller or client.address)
        address, everybody = (whose, "address", client.address), (whose, "", "")
        with self._lock:
            if size > 0 and self._exceeds(everybody, size, 1.0):
                sentence = "Too much is being sent at this moment; try again in a minute."
                raise RefusedRequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
            of_caller = self._exceeds(caller, size, self._caller_share)
            if size > 0 and (of_caller or self._exceeds(address, size, self._address_share)):
                sentence = "Too many of your transfers are in progress. Wait until one has ended, then try again."
                raise RefusedRequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
            for key in (everybody, caller, address):
                self._taken[key] += size
                if not self._taken[key]:
                    del self._taken[key]

    def taken(self, whose: Whose) -> int:
        """Bytes of somebody's that lie there."""
        return self._taken[whose, "", ""]

    def _exceeds(self, key: tuple[Whose, str, str], size: int, share: float) -> bool:
        return self._taken[key] + size > share * self._most[key[0]]


@dataclass
class Body:
    """Bytes that come or wait; small ones in memory, others in a file.

    Attributes:
        room: is asked for what doesn't fit into memory.
        whose: whose room it takes.
        client: who sends it, or for whom it waits.
        in_memory: bytes that need none.
    """

    room: Room
    whose: Whose
    client: Client
    in_memory: int = IN_MEMORY

    def __post_init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(self.in_memory, dir=self.room.folder)  # noqa: SIM115 - it is closed below
        self.size = self._taken = 0

    def write(self, data: bytes) -> None:
        """Keep what comes; raises ``RefusedRequestError`` where there is no room for it."""
        self.size += len(data)
        if self.size > self.in_memory:
            self._take(self.size)
        try:
            self.file.write(data)
        except OSError as error:
            sentence = "There is no room for what was sent; try again later."
            raise RefusedRequestError(HTTPStatus.INSUFFICIENT_STORAGE, sentence) from error

    def belongs_to(self, caller: str) -> None:
        """Assign the body to a caller, or to an unknown client if the name is empty."""
        size = self._taken
        self._take(0)
        self.whose = Whose.KNOWN if caller else Whose.STRANGERS
        self.client = Client(self.client.address, caller)
        self._take(size)

    def close(self) -> None:
        """Throw it away."""
        self._take(0)
        self.file.close()

    def _take(self, size: int) -> None:
        self.room.take(self.whose, self.client, size - self._taken)
        self._taken = size
