"""Web server: waitress with this site's limits, started by ``python -m desk.server HOST PORT``.

One process serves the site. Its main thread receives requests and sends responses. A worker thread processes a request
after its last byte has arrived, so a client that sends or reads slowly occupies a connection, but no worker thread.
On the public internet, run the server behind a reverse proxy (docs/how-to/operate/put-it-behind-a-proxy.md).
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

from desk.access_classes import KIB, MAX_REQUEST_BYTES, MIB
from exhibit.errors import run_program
from exhibit.helper import return_freed_memory
from exhibit.machine import is_full

THREADS = 8
"""Maximum number of requests that are processed in parallel. Each thread keeps a database connection."""
MAX_CONNECTIONS = 1_000
"""Maximum number of open connections; lower if the process may open fewer files."""
IDLE_SECONDS = 120
"""Seconds after which a connection is closed if nothing has been received or sent."""
MEMORY_BUFFER_BYTES = 64 * KIB
"""Bytes of each request body and of each response that are buffered in memory; the rest is buffered in files."""
RESPONSE_BUFFER_BYTES = 1024 * MIB
"""Maximum bytes of a response that are buffered for a slow client. A longer response occupies its thread."""
CRAWL_RESERVE_BYTES = 512 * MIB
"""Bytes that request bodies leave free in addition to the minimum for crawls, so that no client can stop crawls."""
_FILES_PER_CONNECTION, _RESERVED_FILES = 3, 250
_LOG = logging.getLogger(__name__)


class StorageFullError(Error):
    """Response to a request whose body does not fit on the disk."""

    code = 507
    reason = "Insufficient Storage"


class Request(HTTPRequestParser):
    """Request that is rejected if the disk has no space for its body.

    Attributes:
        reserve: Bytes of disk space that request bodies must leave free.
    """

    reserve = 0

    def received(self, data: bytes) -> int:
        """Process received bytes; return the number of bytes that belong to this request."""
        try:
            if self.body_bytes_received < MEMORY_BUFFER_BYTES or self._has_disk_space(Path(tempfile.gettempdir())):
                return super().received(data)
        except OSError as error:
            _LOG.warning("The body of a request cannot be stored: %s", error)
        self.error = StorageFullError("The disk is too full to store the request body. Try again later.")
        self.completed = True
        return len(data)

    def _has_disk_space(self, folder: Path) -> bool:
        return not is_full(folder) and shutil.disk_usage(folder).free >= self.reserve


class Channel(HTTPChannel):
    """Connection of one client."""

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
        self, application: WSGIApplication, host: str, port: int, *, connections: int = MAX_CONNECTIONS, **options: int
    ) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # Not one warning per queued request.
        settings: dict[str, Any] = {
            "host": host,
            "port": port,
            "threads": THREADS,
            "connection_limit": connections,
            "channel_timeout": IDLE_SECONDS,
            "cleanup_interval": 1,
            "recv_bytes": 64 * KIB,
            "inbuf_overflow": MEMORY_BUFFER_BYTES,
            "outbuf_overflow": MEMORY_BUFFER_BYTES,
            "outbuf_high_watermark": RESPONSE_BUFFER_BYTES,
            "max_request_header_size": 32 * KIB,
            "max_request_body_size": MAX_REQUEST_BYTES + 1,  # waitress rejects this size as well.
            "asyncore_use_poll": True,  # select() cannot handle more than 1,024 files.
            "clear_untrusted_proxy_headers": False,  # Django honours the `proxies` setting.
            "ident": None,
        }
        super().__init__(_wrap_application(application), **settings | options)

    def maintenance(self, now: int) -> None:
        """Close connections that are idle or exceed the limit. Called every second."""
        super().maintenance(now)
        if self.in_connection_overflow:
            idle_channels = [channel for channel in self.active_channels.values() if not channel.requests]  # type: ignore[attr-defined] # its types name one channel
            idle_channels.sort(key=lambda channel: channel.creation_time)
            for channel in idle_channels[: -(-len(idle_channels) // 2)]:
                channel.will_close = True


def _wrap_application(application: WSGIApplication) -> WSGIApplication:
    """Remove the file wrapper from requests, and the body from responses to HEAD requests."""

    def wrapped_application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # With a file wrapper, the main thread would read the file and block all clients on a slow disk or bucket.
        environ.pop("wsgi.file_wrapper", None)
        response = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return response
        if (close := getattr(response, "close", None)) is not None:
            close()
        return []

    return wrapped_application


def prepare_buffer_folder(data_dir: Path) -> Path:
    """Create an empty folder for buffered requests and responses; delete leftovers of a killed process."""
    folder = data_dir / "requests"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def raise_file_limit() -> int:
    """Raise the process's limit of open files as needed; return the number of connections that it permits."""
    files_needed = MAX_CONNECTIONS * _FILES_PER_CONNECTION + _RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files_needed:
        soft = files_needed if hard == resource.RLIM_INFINITY else min(files_needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MAX_CONNECTIONS, max(50, (soft - _RESERVED_FILES) // _FILES_PER_CONNECTION))


def serve(application: WSGIApplication, host: str, port: int) -> None:
    """Serve an application until SIGTERM or SIGINT. Requests in progress are completed first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Server(application, host, port, connections=raise_file_limit()).run()


def main(arguments: Sequence[str]) -> None:
    """Serve the site at a host and port."""
    host, port = arguments
    from django.conf import settings

    from desk.wsgi import application
    from exhibit.config.config import ensure_data_dir

    Request.reserve = settings.CONFIG.disk_floor_bytes + CRAWL_RESERVE_BYTES
    tempfile.tempdir = str(prepare_buffer_folder(ensure_data_dir(settings.CONFIG)))
    return_freed_memory()
    serve(application, host, int(port))


if __name__ == "__main__":
    sys.exit(run_program(lambda: main(sys.argv[1:])))
