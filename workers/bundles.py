"""Assembling a bundle for download: sealed content and the receipts of this moment."""

from typing import BinaryIO

from evidence.bundle import write_bundle
from evidence.facts import CaseFacts
from evidence.manifest import FACTS_PATH, Manifest
from evidence.sealing import SealedCase
from exhibit.errors import NotFoundError
from registry.models import Bundle
from workers.proofs import proofs_of
from workers.wiring import House


def sealed_case(house: House, bundle: Bundle) -> SealedCase:
    """Manifest and signature of a sealed bundle.

    Raises:
        NotFoundError: it hasn't been sealed yet.
    """
    if bundle.manifest is None or bundle.signature is None:
        raise NotFoundError(
            f"Bundle {bundle.number} of case {bundle.case.number} isn't sealed yet.", hint="Try again in a moment."
        )
    return SealedCase(Manifest.from_json(house.blobs.get(bundle.manifest)), bytes(bundle.signature))


def sealed_facts(house: House, sealed: SealedCase) -> CaseFacts:
    """The facts as they were sealed."""
    file = sealed.manifest.file(FACTS_PATH)
    assert file is not None
    return CaseFacts.from_json(house.blobs.get(file.sha256))


def assemble(house: House, bundle: Bundle, out: BinaryIO) -> None:
    """Write a bundle's ZIP with the proofs of this moment.

    Raises:
        NotFoundError: it hasn't been sealed yet.
    """
    sealed = sealed_case(house, bundle)
    proofs = proofs_of(house, bundle, sealed, sealed_facts(house, sealed))
    write_bundle(out, sealed, proofs, house.blobs)


def bundle_name(bundle: Bundle) -> str:
    """A file name that says what it is, such as ``studio-case-12-bundle-1.zip``."""
    return f"{bundle.case.owner.slug}-case-{bundle.case.number}-bundle-{bundle.number}.zip"
