"""Starts the web server: two processes that serve, and one that starts them again when they die."""

import ctypes
import os
import signal
import sys
import traceback

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from desk.server.limits import Limits
from desk.server.site import MAX_HEADERS
from exhibit.errors import ExhibitError
from exhibit.lazy import late

with late():  # the process that only watches the others needs no site
    from desk.server import application

PROCESSES = 2
_PR_SET_PDEATHSIG = 1
_SECONDS_OF_A_THREAD = 0.001
"""For so long a thread keeps the interpreter for itself: the loop, which answers at once, waits for each of them."""
_SECONDS_UNTIL_STOP = 3
_SECONDS_UNTIL_HUNG = 30


def serve(host: str, port: int) -> None:
    """Serve the site there until a signal asks to stop."""
    uvicorn.run(
        "desk.server.run:load_site",
        factory=True,
        interface="asgi3",
        host=host,
        port=port,
        workers=PROCESSES,
        loop="asyncio",
        http="desk.server.connections:Connection",
        ws="none",
        lifespan="off",
        proxy_headers=False,  # the site reads them itself, as many as it trusts
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_keep_alive=int(Limits().idle_seconds),
        timeout_graceful_shutdown=_SECONDS_UNTIL_STOP,
        timeout_worker_healthcheck=_SECONDS_UNTIL_HUNG,
    )


def load_site() -> object:
    """The site, in a process that serves it. What can't be loaded isn't tried again at once: that ends the server."""
    _end_with_parent()
    sys.setswitchinterval(_SECONDS_OF_A_THREAD)
    try:
        return application.make_site()
    except ExhibitError as error:
        sys.stderr.write(f"{error}\n")
    except Exception:  # noqa: BLE001 - whatever it is, it would be so in the next process
        traceback.print_exc()
    sys.exit(STARTUP_FAILURE)


def _end_with_parent() -> None:
    """Have Linux stop this process when the one that started it has died: nobody would start another one otherwise."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1 and os.getpid() != 1:
            sys.exit(1)
