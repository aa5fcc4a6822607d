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
    heard: MailCallback = lambda: None
    asked: int = 0
    mails: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class _SmtpHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.told = self.server.told
        self.told.asked += 1
        if not self.told.greets:
            self.told.over.wait()
            return
        self._say("220 mail.example")
        while line := self.rfile.readline():
            if not self._answer(line.strip().upper()):
                return

    def _answer(self, line: bytes) -> bool:
        if line == b"DATA":
            self._say("354 Go on")
            self.told.mails.append(self._mail())
            self.told.heard()
            if not self.told.after_data:
                self.told.over.wait()
                return False
            self._say(self.told.after_data)
        elif line == b"QUIT":
            self._say("221 Bye")
        else:
            self._say(self._to(line.decode()) if line.startswith(b"RCPT") else "250 OK")
        return line != b"QUIT"

    def _to(self, line: str) -> str:
        replies = self.told.to_recipient
        return (
            replies if isinstance(replies, str) else next((replies[word] for word in replies if word in line), "250 OK")
        )

    def _mail(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    told: MailServer


@contextmanager
def mail_server(**behaviour: Any) -> Iterator[MailServer]:  # noqa: ANN401 - the attributes of the server
    """Run a server during the ``with`` block."""
    with _Server(("127.0.0.1", 0), _SmtpHandler) as server:
        server.told = MailServer(port=server.server_address[1], **behaviour)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.told
        finally:
            server.told.over.set()
            server.shutdown()
            thread.join()
