"""``python -m tests.assets.crawl_forks``: fork a process for each crawl job, after the shared imports.

The helper that reads documents is forked as well, since starting a Python interpreter would take longer than most
crawls of tests. A helper that dies during a crawl is restarted in the usual way.
"""

import gc
import json
import os
import signal
import socket
import sys

import crawler.crawling.run
import crawler.reading.encoding
import crawler.reading.feeds
import crawler.reading.webpage  # noqa: F401 - what a helper loads with its first document
from crawler.__main__ import main
from crawler.reading import helper
from exhibit.helper import serve

WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class ForkedHelper:
    """Stand-in for the helper's ``subprocess.Popen``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self, _timeout: float | None = None) -> int:
        """Wait and return the exit code. The helper exits once no process can send it requests."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        """Kill the process."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


def fork_helper() -> None:
    """Fork the helper that this process would otherwise start with the first document."""
    parent_socket, helper_socket = socket.socketpair()
    memory = os.fdopen(os.memfd_create("crawler.reading.helper"), "rb")
    pid = os.fork()
    if not pid:
        parent_socket.close()
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.environ.clear()
        sys.argv[1:] = [str(helper_socket.detach()), str(memory.fileno())]
        try:
            serve(helper.handle_request)
        finally:
            os._exit(0)
    helper_socket.close()
    parent_socket.recv(1)
    helper.helper._connection, helper.helper.process = (parent_socket, memory), ForkedHelper(pid)  # type: ignore[assignment]


def crawl(files: list[str], environ: dict[str, str], arguments: list[str], seconds: float, alarm: int) -> None:
    """Run a crawl in this process, with these files as standard input, output and error."""
    for number, (path, how) in enumerate(zip(files, (os.O_RDONLY, WRITE_FLAGS, WRITE_FLAGS), strict=True)):
        os.dup2(os.open(path, how, 0o600), number)
    sys.stdin = open(0)  # noqa: SIM115 - as long as the process
    os.environ.clear()
    os.environ.update(environ)
    helper.CPU_SECONDS = seconds
    signal.alarm(alarm)
    sys.exit(main(arguments))


def serve_forks() -> None:
    """Fork a process for each request on standard input, and report exit codes."""
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            print(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]), flush=True)  # noqa: T201 - the answer
            continue
        child = os.fork()
        if not child:
            fork_helper()
            crawl(**request)
        print(child, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve_forks()
