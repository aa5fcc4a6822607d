"""A local proxy between a client and a server that forwards bytes, and can lose responses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """A proxy that forwards connections to a port.

    Attributes:
        port: Its own port on 127.0.0.1.
        lose: Number of next responses to drop; the connection is closed after each.
        silent: Drop responses and keep the connection open.
    """

    def __init__(self, target_port: int) -> None:
        self.lose, self.silent = 0, False
        self._to, self._listener = target_port, socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._forward_requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._forward_responses, args=(server, client), daemon=True).start()

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _forward_responses(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(1 << 16):
                if self.lose and not data.startswith(b"HTTP/1.1 100"):
                    self.lose -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                if not self.silent:
                    client.sendall(data)


@contextmanager
def run_relay(port: int) -> Iterator[Relay]:
    """Run a proxy during the ``with`` block."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
