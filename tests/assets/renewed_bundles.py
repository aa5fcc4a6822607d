"""A bundle with a later checkpoint and its receipt."""

from dataclasses import dataclass, replace
from pathlib import Path

from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, Proofs, compute_checkpoint_digest
from evidence.development.authority import run_authority
from evidence.log.proofs import Renewal
from exhibit.entries import EntryType
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.bundles import Scene, append_entry


@dataclass(frozen=True)
class RenewedBundle:
    """A scene, its later checkpoint, and the proofs with receipts of both checkpoints.

    Attributes:
        scene: Scene with the checkpoint that first covered the seal.
        size: Size of the later checkpoint.
        later: Receipt of the later checkpoint.
        proofs: All proofs.
    """

    scene: Scene
    size: int
    later: AnchorProof
    proofs: Proofs

    def write(self, path: Path, proofs: Proofs | None = None) -> Path:
        """Write the bundle to a path."""
        return self.scene.write(path, proofs or self.proofs)


def renew_bundle(scene: Scene) -> RenewedBundle:
    """Append entries to a scene's log, and have the new checkpoint timestamped by the same authority."""
    assert scene.proofs.entry is not None
    for number in range(9):
        append_entry(scene.log, EntryType.CASE, {"number": number})
    head = scene.log.sign_checkpoint()
    digest = compute_checkpoint_digest(head.note)
    renewal = Renewal(head.note, tuple(scene.log.prove_consistency(scene.proofs.entry.size, head.size)))
    with run_authority(scene.folder / "authority") as authority:
        session = create_guarded_session(Guard(("127.0.0.0/8",)))
        anchor = Rfc3161Anchor("Second look", authority.url, [authority.root_pem], development=True, session=session)
        later = AnchorProof(digest, anchor.submit(digest))
    proofs = replace(scene.proofs, anchors=(*scene.proofs.anchors, later), renewals=(renewal,))
    return RenewedBundle(scene, head.size, later, proofs)
