"""Starts the development authority and chain, which witness without legal weight, and writes whom to trust."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Timer
from typing import Final

from demo.product import REPOSITORY
from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.development.chain import Blocks
from evidence.verdict.trust import Trust
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError

LABEL: Final = "Development witness of the demonstration, without legal weight"
SECONDS_BETWEEN_BLOCKS: Final = "2"
MAX_START: Final = 300.0
"""Seconds; a slow machine takes many times what others do."""


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
    with _running("authority", folder) as authority, _running("chain", folder) as chain:
        yield Witnesses(authority(), chain(), folder)


@contextmanager
def _running(what: str, folder: Path) -> Iterator[Callable[[], str]]:
    """A witness in a process of its own; what gives its address, its first line, waits for it."""
    own = folder / what
    own.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "evidence.development", what, "--folder", str(own)]
    if what == "chain":
        command += ["--every", SECONDS_BETWEEN_BLOCKS]
    with (own / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    said = process.stdout

    def address() -> str:
        late = Timer(MAX_START, process.kill)
        late.daemon = True
        late.start()
        url = said.readline().strip()  # one that ends says nothing
        late.cancel()
        if not url:
            raise ServiceMissingError(f"The development {what} didn't start.", hint=f"Look into {own / 'log.txt'}.")
        return url

    try:
        yield address
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        process.wait()
        process.stdout.close()
