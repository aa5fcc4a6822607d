"""Starts the web server: two processes that serve, and one that replaces them when they die or hang."""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from types import FrameType

import uvicorn
from uvicorn.server import ServerState

from desk.server.connections import Connection
from desk.server.limits import Limits
from exhibit.errors import ExhibitError
from exhibit.helper import return_freed_memory
from workers.servers.liveness import WAKE_SECONDS, HangDetector, record_replacement
from workers.servers.processes import asked_to_stop, end_with_parent, pauses

PROCESSES = 2
CANNOT_START = 3
"""How a process ends that can't load the site."""
_SECONDS_UNTIL_STOP = 3
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_OF_A_THREAD = 0.001
"""For so long a thread keeps the interpreter for itself: the loop, which answers at once, waits for each of them."""


def keep(host: str, port: int) -> int:
    """Keep processes that serve the site there until a signal asks to stop; the exit code.

    They are forked from this one, which has loaded the site: each takes the memory of what it changes alone.
    """
    try:
        from django.conf import settings

        from desk.server.application import made_spool, make_site

        made_spool()
    except ExhibitError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_START
    except Exception:  # noqa: BLE001 - whatever it is, it would be so in the next process
        traceback.print_exc()
        return CANNOT_START
    gc.collect()
    gc.freeze()  # a collection would write to what is shared
    with _bound(host, port) as listening, asked_to_stop() as asked, pauses() as pause:
        running = [_Serving(make_site, listening) for _ in range(PROCESSES)]
        try:
            while not asked:
                for one in running:
                    if one.process.exitcode == CANNOT_START:
                        return CANNOT_START
                    if one.detector.is_hung():
                        record_replacement(settings.CONFIG, "web", one.pid)
                        one.process.kill()
                        one.process.join()
                    if one.process.exitcode is not None:
                        one.start()
                pause(_SECONDS_BETWEEN_LOOKS)
        finally:
            _end([one.process for one in running])
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """A socket of that address. The processes listen, when they are ready."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


class _Serving:
    """A process that serves the site."""

    def __init__(self, make_site: Callable[[], object], listening: socket.socket) -> None:
        self._arguments = (make_site, listening, os.getpid())
        self.start()

    def start(self) -> None:
        """Start the process, or start it again after it has ended."""
        self.process = get_context("fork").Process(target=_serve, args=self._arguments)
        self.process.start()
        self.pid = self.process.pid or 0
        self.detector = HangDetector(self.pid)


def _end(running: Sequence[ForkProcess]) -> None:
    for one in running:
        one.terminate()
    until = time.monotonic() + _SECONDS_UNTIL_STOP + 2
    for one in running:
        one.join(max(0.0, until - time.monotonic()))
        one.kill()
        one.join()


def _serve(make_site: Callable[[], object], listening: socket.socket, parent: int) -> None:
    """Serve the site at a socket until a signal asks to stop."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end_with_parent(parent)
    sys.setswitchinterval(_SECONDS_OF_A_THREAD)
    site = make_site()
    return_freed_memory()
    config = uvicorn.Config(
        site,  # type: ignore[arg-type] # uvicorn asks for positional names of its own
        interface="asgi3",
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="off",
        proxy_headers=False,  # the site reads them itself, as many as it trusts
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_keep_alive=int(Limits().idle_seconds),
        timeout_graceful_shutdown=_SECONDS_UNTIL_STOP,
    )
    Server(config).run([listening])


class _State(ServerState):
    """Tells the time to whoever answers: uvicorn's own has it set anew each second."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of each answer."""
        return [(b"date", formatdate(usegmt=True).encode())]

    @default_headers.setter
    def default_headers(self, headers: object) -> None:
        pass


class Server(uvicorn.Server):
    """One that sleeps until a signal says that it is to stop: it is idle most of the time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = _State()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signal = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End when the loop comes to it, which is at once."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._signal.set)

    async def main_loop(self) -> None:
        """Wait for the signal."""
        self._loop = asyncio.get_running_loop()
        while not self.should_exit:  # which a signal may have said before
            with suppress(TimeoutError):
                await asyncio.wait_for(self._signal.wait(), WAKE_SECONDS)
