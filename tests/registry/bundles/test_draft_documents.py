"""Test draft documents of a sealed case, and copies with the owner's signature."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from registry.bundles.draft_documents import get_draft_file_name, render_draft_document, sign_copy
from registry.bundles.sealing import seal_bundles
from tests.assets.bundles import empty_pdf
from tests.assets.rows import owner
from tests.assets.sealed_bundles import request_bundle
from workers.tasks.sync_runner import SyncRunner


def extract_pdf_text(pdf: bytes) -> str:
    """Return the text of a PDF."""
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages)


@pytest.mark.long
def test_documents_are_drafted_from_sealed_bundle(inline: SyncRunner) -> None:
    bundle = request_bundle(inline)
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    text = extract_pdf_text(render_draft_document(inline.services, bundle, "us-902"))
    assert bundle.seal_digest is not None
    assert bundle.seal_digest.hex in text.replace(" ", "")
    assert "data/facts.json" in text
    assert render_draft_document(inline.services, bundle, "cn-environment", "en").startswith(b"%PDF")
    assert get_draft_file_name(bundle, "us-902") == "studio-case-1-bundle-1-us-902.draft.pdf"


def test_signed_copy_appends_signature_of_owner(inline: SyncRunner) -> None:
    pytest.importorskip("pyhanko", reason="the optional component pades isn't installed")
    signed = sign_copy(inline.services, owner("studio"), empty_pdf(), "Sealed with the digest 00.")
    assert signed.startswith(empty_pdf())
    (field,) = (PdfReader(BytesIO(signed)).get_fields() or {}).values()
    signature = field["/V"]
    assert (signature["/Name"], signature["/Reason"]) == ("Studio", "Sealed with the digest 00.")
    begin, before, after, length = signature["/ByteRange"]
    assert (begin, after + length) == (0, len(signed))
    assert before > len(empty_pdf())
