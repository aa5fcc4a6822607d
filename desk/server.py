"""The web server: waitress with the limits of this site, started by ``python -m desk.server HOST PORT``.

One process serves the site. Its main thread receives requests and sends responses; a request takes one of the other
threads once all of it has arrived. A client that sends or reads slowly therefore occupies a connection, but no thread.
On the public internet a reverse proxy belongs in front (docs/how-to/operate/put-it-behind-a-proxy.md).
"""

import logging
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import WSGIServer
from waitress.utilities import Error

from desk.access_classes import KIB, MAX_REQUEST, MIB
from exhibit.errors import ended
from exhibit.helper import return_freed_memory
from exhibit.machine import is_full

THREADS = 8
"""Requests that are processed at the same time; each thread keeps a connection to the database."""
CONNECTIONS = 1_000
"""Open connections; fewer if the process may open fewer files."""
IDLE_SECONDS = 120
"""Seconds after which a connection is closed if nothing has been received or sent."""
BUFFERED_IN_MEMORY = 64 * KIB
"""Bytes of each request body and of each response that are kept in memory; the rest is in files."""
BUFFERED_RESPONSE = 1024 * MIB
"""Bytes of a response that may wait for the client to read them; a longer response occupies its thread meanwhile."""
RESERVED_FOR_CRAWLS = 512 * MIB
"""Bytes above the level at which crawls stop that request bodies leave free, so that no client can stop crawls."""
_FILES_PER_CONNECTION, _OTHER_FILES = 3, 250
_LOG = logging.getLogger(__name__)


class StorageFullError(Error):
    """The response to a request whose body does not fit on the disk."""

    code = 507
    reason = "Insufficient Storage"


class Request(HTTPRequestParser):
    """A request that is refused when the disk has no room for its body.

    Attributes:
        reserve: Bytes that bodies leave free on the disk.
    """

    reserve = 0

    def received(self, data: bytes) -> int:
        """Process received bytes; return how many of them belong to this request."""
        try:
            if self.body_bytes_received < BUFFERED_IN_MEMORY or self._has_room(Path(tempfile.gettempdir())):
                return super().received(data)
        except OSError as error:
            _LOG.warning("The body of a request cannot be stored: %s", error)
        self.error = StorageFullError("There is no room for what was sent. Try again later.")
        self.completed = True
        return len(data)

    def _has_room(self, folder: Path) -> bool:
        return not is_full(folder) and shutil.disk_usage(folder).free >= self.reserve


class Channel(HTTPChannel):
    """The connection of one client."""

    parser_class = Request

    def handle_close(self) -> None:
        """Close the connection, and remove an incomplete request's buffered body from the disk."""
        super().handle_close()
        if self.request is not None:
            self.request.close()


class Server(WSGIServer):
    """A waitress server that keeps idle clients from occupying all connections.

    Args:
        application: The site.
        host: Address to listen on.
        port: Port; 0 selects a free one, which ``getsockname`` returns.
        connections: Maximum number of open connections.
        options: Further settings of waitress.
    """

    channel_class = Channel

    def __init__(
        self, application: WSGIApplication, host: str, port: int, *, connections: int = CONNECTIONS, **options: int
    ) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # It logs each request that waits for a thread.
        settings: dict[str, Any] = {
            "host": host,
            "port": port,
            "threads": THREADS,
            "connection_limit": connections,
            "channel_timeout": IDLE_SECONDS,
            "cleanup_interval": 1,
            "recv_bytes": 64 * KIB,
            "inbuf_overflow": BUFFERED_IN_MEMORY,
            "outbuf_overflow": BUFFERED_IN_MEMORY,
            "outbuf_high_watermark": BUFFERED_RESPONSE,
            "max_request_header_size": 32 * KIB,
            "max_request_body_size": MAX_REQUEST + 1,  # waitress rejects this size as well.
            "asyncore_use_poll": True,  # select() cannot handle more than 1,024 files.
            "clear_untrusted_proxy_headers": False,  # Django reads as many as the `proxies` setting allows.
            "ident": None,
        }
        super().__init__(_adapt(application), **settings | options)

    def maintenance(self, now: int) -> None:
        """Close connections that are idle or exceed the limit. Called every second."""
        super().maintenance(now)
        if self.in_connection_overflow:
            idle_channels = [channel for channel in self.active_channels.values() if not channel.requests]  # type: ignore[attr-defined] # its types name one channel
            idle_channels.sort(key=lambda channel: channel.creation_time)
            for channel in idle_channels[: -(-len(idle_channels) // 2)]:
                channel.will_close = True


def _adapt(application: WSGIApplication) -> WSGIApplication:
    """Wrap the application with what waitress leaves to it."""

    def adapted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The main thread would read the file, and all clients would wait for a slow disk or bucket.
        environ.pop("wsgi.file_wrapper", None)
        response = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return response
        if (close := getattr(response, "close", None)) is not None:
            close()
        return []

    return adapted


def prepare_buffer_folder(data_dir: Path) -> Path:
    """Return the folder for buffered requests and responses, emptied of leftovers from a killed process."""
    folder = data_dir / "requests"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def allowed_connections() -> int:
    """Raise this process's limit of open files as needed; return the number of connections it allows."""
    files_needed = CONNECTIONS * _FILES_PER_CONNECTION + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files_needed:
        soft = files_needed if hard == resource.RLIM_INFINITY else min(files_needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(CONNECTIONS, max(50, (soft - _OTHER_FILES) // _FILES_PER_CONNECTION))


def serve(application: WSGIApplication, host: str, port: int) -> None:
    """Serve an application until SIGTERM or SIGINT. Requests being processed then are completed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Server(application, host, port, connections=allowed_connections()).run()


def main(arguments: Sequence[str]) -> None:
    """Serve the site at a host and port."""
    host, port = arguments
    from django.conf import settings

    from desk.wsgi import application
    from exhibit.config.config import made_data_dir

    Request.reserve = settings.CONFIG.disk_floor_bytes + RESERVED_FOR_CRAWLS
    tempfile.tempdir = str(prepare_buffer_folder(made_data_dir(settings.CONFIG)))
    return_freed_memory()
    serve(application, host, int(port))


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
