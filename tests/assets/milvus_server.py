"""A real Milvus server in its own network namespace: one process from the package ``milvus``, if it is installed.

The server listens on every interface, so it runs in a namespace that has only a loopback. Requests arrive through a
socket opened before. ``python3 tools/bootstrap.py milvus`` installs it; without it the tests are skipped.
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tests.assets.processes import wait_until

if TYPE_CHECKING:
    from milvus import MilvusServer

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / ".venv-milvus"
ALONE = ["unshare", "--map-root-user", "--net"]
UP = 0x8914, struct.pack("16sh", b"lo", 0x41)
"""Request SIOCSIFFLAGS, with the flags that the loopback is up and running."""


class Server:
    """A test's server, which can be killed and restarted with its data."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process, self.port, self.pid = process, port, 0
        self.start()

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill the server, like a failing machine."""
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the server from responding, with its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        os.kill(self.pid, signal.SIGCONT)

    def start(self) -> None:
        """Start or restart the server, and wait until it responds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("start\n")
        self._process.stdin.flush()
        self.pid = int(self._process.stdout.readline())


def missing_reason() -> str:
    """Return why tests have no Milvus server here, with the command to install it; empty if they have one."""
    if not (PACKAGE / "milvus").is_dir() or find_spec("pymilvus") is None:
        return "There is no Milvus to test with. Install it: python3 tools/bootstrap.py milvus"
    if not shutil.which("unshare") or subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode:
        return "Milvus listens on every interface, and this system permits no network of its own (unshare)."
    return ""


@contextmanager
def run_server(folder: Path) -> Iterator[Server]:
    """Run the server during the ``with`` block, with its data in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [*ALONE, sys.executable, "-m", "tests.assets.milvus_server", str(folder), str(number)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[number],
            start_new_session=True,
        )
    with process:
        try:
            yield Server(process, port)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def main(folder: Path, listener: socket.socket) -> None:
    """Start the server for each line on standard input, and kill it when the input ends."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, *UP)
    process, ports = None, [0]
    Thread(target=_accept, args=(listener, ports), daemon=True).start()
    try:
        for _ in sys.stdin:
            if process is not None:
                process.kill()
                process.wait()
            server = start_server(folder, ttl=5)
            process, ports[0] = server.server_proc, server.listen_port  # the port changes at each start
            print(process.pid, flush=True)  # noqa: T201 - what is waited for
    finally:
        if process is not None:
            process.kill()


def start_server(folder: Path, ttl: int = 60) -> "MilvusServer":
    """Return a server that listens on every interface, with its data in a folder. It ends when its object is deleted.

    A killed server counts as gone after ``ttl`` seconds; so does one that was starved of processor time for so long.
    """
    sys.path.insert(0, str(PACKAGE))
    from milvus import MilvusServer

    server = MilvusServer(wait_for_started=False)
    server.set_base_dir(str(folder))
    server.config.set("common.session.ttl", ttl)
    server.start()
    _wait(server.webservice_port)
    return server


def _wait(port: int) -> None:
    def answers() -> bool:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).read()
            return True
        return False

    wait_until(answers)


def _accept(listener: socket.socket, ports: list[int]) -> None:
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", ports[0]))
        except OSError:
            client.close()
            continue
        for source, target in ((client, server), (server, client)):
            Thread(target=_forward, args=(source, target), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
