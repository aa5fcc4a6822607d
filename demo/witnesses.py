"""Development timestamp authority and chain, without legal weight, and the trust list for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.development.authority import run_authority
from evidence.development.chain import Blocks, run_chain
from evidence.verdict.trust import Trust
from exhibit.digests import Digest

LABEL: Final = "Development witness of the demonstration, without legal weight"
SECONDS_BETWEEN_BLOCKS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Witnesses:
    """URLs of the authority and the chain, and the roots that identify them."""

    authority_url: str
    chain_url: str
    roots: Path  # PEM file with the authority's root
    blocks: Blocks

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
        """Return the installation's trust list with the blocks of the chain, for `exhibit verify`."""
        headers = [self.blocks.header(height) or b"" for height in range(self.blocks.tip + 1)]
        hashes = tuple(Digest.from_hex(parse_header(header).text) for header in headers)
        chain = TrustedChain("development-chain", "regtest", 0.0, hashes, development=True, label=LABEL)
        return replace(own, note=LABEL, chains=(chain,))


@contextmanager
def running_witnesses(folder: Path) -> Iterator[Witnesses]:
    """Run both services for the duration of the block."""
    with (
        run_authority(folder / "authority") as authority,
        run_chain(folder / "chain", every=SECONDS_BETWEEN_BLOCKS) as chain,
    ):
        yield Witnesses(authority.url, chain.url, folder / "authority" / "root.pem", chain.blocks)
