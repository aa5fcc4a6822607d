"""A local mail server (RFC 5321) that accepts or refuses mails, or stops responding at a certain point."""

import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

MailCallback = Callable[[], None]


@dataclass
class MailServer:
    """The behaviour of the server, and the mails that it received.

    Attributes:
        port: Port on 127.0.0.1.
        greets: False to send nothing to clients that connect.
        to_recipient: Reply to every recipient, or replies by a capitalised word in the address.
        after_data: Reply to a complete mail; if empty, no reply is sent and the connection stays open.
        heard: Called when a complete mail has arrived, before the reply.
        asked: Number of connections.
        mails: Complete mails that arrived, byte for byte as the protocol transmits them.
    """

    port: int = 0
    greets: bool = True
    to_recipient: str | Mapping[str, str] = "250 OK"
    after_data: str = "250 Taken"
    on_mail: MailCallback = lambda: None
    connections: int = 0
    mails: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


class _SmtpHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.state = self.server.state
        self.state.connections += 1
        if not self.state.greets:
            self.state.stopped.wait()
            return
        self._send_line("220 mail.example")
        while line := self.rfile.readline():
            if not self._answer(line.strip().upper()):
                return

    def _answer(self, line: bytes) -> bool:
        if line == b"DATA":
            self._send_line("354 Go on")
            self.state.mails.append(self._read_mail())
            self.state.on_mail()
            if not self.state.after_data:
                self.state.stopped.wait()
                return False
            self._send_line(self.state.after_data)
        elif line == b"QUIT":
            self._send_line("221 Bye")
        else:
            self._send_line(self._reply_to_recipient(line.decode()) if line.startswith(b"RCPT") else "250 OK")
        return line != b"QUIT"

    def _reply_to_recipient(self, line: str) -> str:
        replies = self.state.to_recipient
        return (
            replies if isinstance(replies, str) else next((replies[word] for word in replies if word in line), "250 OK")
        )

    def _read_mail(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)

    def _send_line(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    state: MailServer


@contextmanager
def mail_server(**behaviour: Any) -> Iterator[MailServer]:  # noqa: ANN401 - the attributes of the server
    """Run a server during the ``with`` block."""
    with _Server(("127.0.0.1", 0), _SmtpHandler) as server:
        server.state = MailServer(port=server.server_address[1], **behaviour)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.state
        finally:
            server.state.stopped.set()
            server.shutdown()
            thread.join()
