"""Starts the development authority and chain, which witness without legal weight, and writes whom to trust."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from demo.product import REPOSITORY
from evidence.anchors.headers import parse_header
from evidence.development.blocks import Blocks
from evidence.trust import Trust, TrustedChain
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError

LABEL: Final = "Development witness of the demonstration, without legal weight"
SECONDS_BETWEEN_BLOCKS: Final = "2"
STARTING_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Where the authority and the chain are reached, and where they keep what they are."""

    authority_url: str
    chain_url: str
    folder: Path

    @property
    def roots(self) -> Path:
        """The PEM file with the authority's root."""
        return self.folder / "authority" / "root.pem"

    def settings(self) -> str:
        """Return the anchors as lines of `exhibit.toml`."""
        return f"""
[[anchors]]
kind = "rfc3161"
name = "development-authority"
urls = ["{self.authority_url}"]
roots = "{self.roots}"
development = true

[[anchors]]
kind = "opentimestamps"
name = "development-calendar"
urls = ["{self.chain_url}"]
bitcoin_source = "{self.chain_url}"
development = true
"""

    def trust(self, own: Trust) -> Trust:
        """Return the installation's own list with the blocks of the chain: whom `exhibit verify` is told to trust."""
        blocks = Blocks(self.folder / "chain" / "headers")
        hashes = [header_hash(blocks, height) for height in range(blocks.tip + 1)]
        chain = TrustedChain("development-chain", "regtest", 0.0, tuple(hashes), development=True, label=LABEL)
        return replace(own, note=LABEL, chains=(chain,))


def header_hash(blocks: Blocks, height: int) -> Digest:
    """Return the hash of a block as it is usually written."""
    header = blocks.header(height)
    assert header is not None
    return Digest.from_hex(parse_header(header).text)


@contextmanager
def running_witnesses(folder: Path) -> Iterator[Witnesses]:
    """Run both as processes of their own until the block ends.

    Raises:
        ServiceMissingError: one of them didn't answer in time.
    """
    with ExitStack() as stack:
        ports = {}
        for what in ("authority", "chain"):
            ports[what] = free_port()
            stack.enter_context(_running(what, folder / what, ports[what]))
        for what, port in ports.items():
            _wait_for(what, port)
        yield Witnesses(f"http://127.0.0.1:{ports['authority']}", f"http://127.0.0.1:{ports['chain']}", folder)


@contextmanager
def _running(what: str, folder: Path, port: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "evidence.development", what, "--folder", str(folder), "--port", str(port)]
    if what == "chain":
        command += ["--every", SECONDS_BETWEEN_BLOCKS]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(what: str, port: int) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ServiceMissingError(f"The development {what} didn't answer.", hint="Look into its log.txt below witnesses/.")
