"""A PDF with the owner's signature behind it: the bytes before it stay, and the signature is the owner's."""

import io

import pypdf
import pytest

from tests.assets.bundles import empty_pdf
from tests.assets.rows import owner
from workers.evidence.signed import signed_copy
from workers.tasks.sync_runner import SyncRunner


def test_a_signed_copy_is_the_same_document_with_a_signature_in_the_owners_name(inline: SyncRunner) -> None:
    pytest.importorskip("pyhanko", reason="the optional part pades isn't installed")
    signed = signed_copy(inline.services, owner("studio"), empty_pdf(), "Sealed with the digest 00.")
    assert signed.startswith(empty_pdf())
    (field,) = (pypdf.PdfReader(io.BytesIO(signed)).get_fields() or {}).values()
    signature = field["/V"]
    assert (signature["/Name"], signature["/Reason"]) == ("Studio", "Sealed with the digest 00.")
    begin, before, after, length = signature["/ByteRange"]
    assert (begin, after + length) == (0, len(signed))
    assert before > len(empty_pdf())
