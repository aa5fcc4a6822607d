"""``python -m tests.assets.crawl_forks``: runs each job in a process of its own that begins with what every job loads.

So does the helper that reads documents for it: a Python of its own would take longer than most crawls of tests. One
that has died in a crawl is started again as ever.
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

WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class ForkedHelper:
    """Stands for the helper's ``subprocess.Popen``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self, _timeout: float | None = None) -> int:
        """Its exit code, once it has ended, which it does when nobody can ask it any more."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


def fork_helper() -> None:
    """Give this process the helper that it would start with the first document."""
    ours, theirs = socket.socketpair()
    memory = os.fdopen(os.memfd_create("crawler.reading.helper"), "rb")
    pid = os.fork()
    if not pid:
        ours.close()
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.environ.clear()
        sys.argv[1:] = [str(theirs.detach()), str(memory.fileno())]
        try:
            serve(helper.answer)
        finally:
            os._exit(0)
    theirs.close()
    ours.recv(1)
    helper.helper._ends, helper.helper.process = (ours, memory), ForkedHelper(pid)  # type: ignore[assignment]


def crawl(files: list[str], environ: dict[str, str], words: list[str], seconds: float, alarm: int) -> None:
    """Be a crawl: its standard input, output and error are these files."""
    for number, (path, how) in enumerate(zip(files, (os.O_RDONLY, WRITTEN, WRITTEN), strict=True)):
        os.dup2(os.open(path, how, 0o600), number)
    sys.stdin = open(0)  # noqa: SIM115 - as long as the process
    os.environ.clear()
    os.environ.update(environ)
    helper.SECONDS = seconds
    signal.alarm(alarm)
    sys.exit(main(words))


def serve_forks() -> None:
    """Fork as often as standard input asks for it, and tell how a process has ended."""
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)  # noqa: T201 - the answer
            continue
        child = os.fork()
        if not child:
            fork_helper()
            crawl(**asked)
        print(child, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve_forks()
