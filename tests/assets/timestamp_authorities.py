"""Local timestamp authorities, and anchors that use them."""

from collections.abc import Iterator
from contextlib import contextmanager

from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.development.authority import run_authority
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.bundles import Scene

DATA = b'{"manifest": true}'
DIGEST = Digest.from_bytes(DATA)
OPEN = Guard(allowed_networks=("127.0.0.0/8",))


@contextmanager
def stamping(scene: Scene) -> Iterator[Rfc3161Anchor]:
    """Run the scene's authority during the block, and yield an anchor that uses it."""
    session = create_guarded_session(Guard(("127.0.0.0/8",)))
    with run_authority(scene.folder / "authority") as authority:
        yield Rfc3161Anchor("Test authority", authority.url, [scene.root_pem], development=True, session=session)


def anchor_to(url: str, *roots: bytes, guard: Guard = OPEN) -> Rfc3161Anchor:
    """Return an anchor that uses a local authority."""
    return Rfc3161Anchor("development", url, roots, development=True, session=create_guarded_session(guard, timeout=5))
