"""Starts the web server: two processes that serve, and one that starts them again when they die."""

import asyncio
import socket
import subprocess
import sys
import traceback

import uvicorn

from desk.server.connections import Connection
from desk.server.limits import Limits
from exhibit.errors import ExhibitError
from workers.servers.processes import Child, asked_to_stop, end, pauses

PROCESSES = 2
CANNOT_START = 3
"""How a process ends that can't load the site."""
_SECONDS_UNTIL_STOP = 3
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_OF_A_THREAD = 0.001
"""For so long a thread keeps the interpreter for itself: the loop, which answers at once, waits for each of them."""


def keep(host: str, port: int) -> int:
    """Keep processes that serve the site there until a signal asks to stop; the exit code.

    Where the site can't be loaded none is started again: whoever started this one sees it.
    """
    with _bound(host, port) as listening, asked_to_stop() as asked, pauses() as pause:
        running = [_started(listening) for _ in range(PROCESSES)]
        try:
            while not asked:
                for number, one in enumerate(running):
                    if one.poll() == CANNOT_START:
                        return CANNOT_START
                    if one.returncode is not None:
                        running[number] = _started(listening)
                pause(_SECONDS_BETWEEN_LOOKS)
        finally:
            for one in running:
                one.terminate()
            end(running, seconds=_SECONDS_UNTIL_STOP + 2)
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """A socket of that address. The processes listen, when they have loaded the site."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


def _started(listening: socket.socket) -> "subprocess.Popen[bytes]":
    number = listening.fileno()
    line = Child(name="site", command=(sys.executable, "-m", "desk.server", str(number))).line()
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, pass_fds=[number], start_new_session=True)


def serve(number: int) -> None:
    """Serve the site at the socket with this number until a signal asks to stop."""
    sys.setswitchinterval(_SECONDS_OF_A_THREAD)
    config = uvicorn.Config(
        _loaded_site(),  # type: ignore[arg-type] # uvicorn asks for positional names of its own
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
    with socket.socket(fileno=number) as listening:
        _Server(config).run([listening])


class _Server(uvicorn.Server):
    """One that looks once a second whether it is to stop, not ten times: it is idle most of the time."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 - a signal says it, outside of the loop
            await asyncio.sleep(1.0)


def _loaded_site() -> object:
    try:
        from desk.server.application import make_site  # the process that only keeps the others needs no site

        return make_site()
    except ExhibitError as error:
        sys.stderr.write(f"{error}\n")
    except Exception:  # noqa: BLE001 - whatever it is, it would be so in the next process
        traceback.print_exc()
    sys.exit(CANNOT_START)
