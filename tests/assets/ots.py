"""Anchors that use local calendars and chains."""

from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import JsonRpcBlocks
from evidence.development.chain import Chain
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session

DATA = b'{"manifest": true}'
DIGEST = Digest.from_bytes(DATA)
SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


def anchor_to(chain: Chain, *calendars: str) -> OpenTimestampsAnchor:
    """Return an anchor that uses the chain's calendar, or others, with the blocks of the chain."""
    blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
    return OpenTimestampsAnchor("local", calendars or (chain.url,), blocks, development=True, session=SESSION)
