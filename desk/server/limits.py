"""What a client of the web server may take, and for how long: all of it for one process."""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long clients are waited for, and how much of the process is theirs.

    Attributes:
        head_seconds: for the line and the headers of a request, from the connection or from their first byte on.
        idle_seconds: between two requests of a connection.
        window_seconds: the length of time in which a body or an answer has to get on by ``least_rate``.
        least_rate: bytes a second, of a body that is sent and of an answer that is read.
        linger_seconds: for the rest of a body whose request has been answered already.
        connections: open at the same time; beyond, the slowest of whoever has most is closed.
        threads: in which pages are made.
        waiting: requests that wait for a thread; beyond, 503 at once.
        patience: seconds that a request waits for a thread.
        piece: bytes of an answer that are in memory at once.
        buffered: bytes on disk of bodies of those who aren't known, all together.
        buffered_of_known: the same of those who are.
        caller_share: the share of either that one caller may use: an account with all of its sessions and tokens, the
            link of a notice, or the address of an unknown client.
        address_share: the share that all callers from one address may use together.
    """

    head_seconds: float = 15.0
    idle_seconds: float = 65.0
    window_seconds: float = 30.0
    least_rate: int = 512
    linger_seconds: float = 10.0
    connections: int = 1_000
    threads: int = 4
    waiting: int = 80
    patience: float = 20.0
    piece: int = 128 * KIB
    buffered: int = 256 * KIB**2
    buffered_of_known: int = 1024 * KIB**2
    caller_share: float = 1 / 4
    address_share: float = 1 / 2

    @property
    def least_in_window(self) -> float:
        """Bytes by which a transfer has to get on in each window."""
        return self.window_seconds * self.least_rate
