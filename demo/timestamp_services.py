"""Timestamp authority and chain for development, without legal weight, and a trust list for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.development.authority import run_authority
from evidence.development.chain import BlockFile, run_chain
from evidence.verdict.trust import Trust
from exhibit.digests import Digest

TRUST_LABEL: Final = "Development timestamp service of the demonstration, without legal weight"
SECONDS_BETWEEN_BLOCKS: Final = 2.0


@dataclass(frozen=True, slots=True)
class TimestampServices:
    """URLs of the timestamp authority and the chain, and the root certificate and blocks to verify them."""

    authority_url: str
    chain_url: str
    roots: Path  # PEM file with the root certificate of the authority.
    blocks: BlockFile

    def format_settings(self) -> str:
        """Return the timestamp services as lines of `exhibit.toml`."""
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

    def build_trust(self, trust: Trust) -> Trust:
        """Return the installation's trust list with the blocks of the chain, for `exhibit verify`."""
        headers = [self.blocks.get_header(height) or b"" for height in range(self.blocks.tip_height + 1)]
        hashes = tuple(Digest.from_hex(parse_header(header).display_hash) for header in headers)
        chain = TrustedChain("development-chain", "regtest", 0.0, hashes, development=True, label=TRUST_LABEL)
        return replace(trust, note=TRUST_LABEL, chains=(chain,))


@contextmanager
def run_timestamp_services(folder: Path) -> Iterator[TimestampServices]:
    """Run both services for the duration of the block."""
    with (
        run_authority(folder / "authority") as authority,
        run_chain(folder / "chain", interval=SECONDS_BETWEEN_BLOCKS) as chain,
    ):
        yield TimestampServices(authority.url, chain.url, folder / "authority" / "root.pem", chain.blocks)
