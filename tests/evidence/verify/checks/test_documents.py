"""Test that active content of the owner's PDFs is reported in verdict, sheet and deposit record."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import Withheld
from evidence.bundle.sealing import TITLE_DOCUMENT, get_title_document_path
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import AttachmentFacts, CaseFacts, PartyFacts
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from tests.assets.bundles import CONTRACT, Scene, empty_pdf, reseal
from tests.assets.pdf_text import text_of
from tests.evidence.documents.phrases.test_wording import shown_languages
from tests.evidence.formats.test_pdf_content import SCRIPT, create_pdf, create_pdf_with_object_stream

FILE = get_title_document_path(2, "b.pdf")


def add_document(facts: CaseFacts, data: bytes, file: str = FILE) -> CaseFacts:
    attachment = AttachmentFacts("Certificate", TITLE_DOCUMENT, Digest.from_bytes(data), file)
    return replace(facts, work=replace(facts.work, attachments=(*facts.work.attachments, attachment)))


@pytest.fixture
def verify_document(scene: Scene, tmp_path: Path) -> Callable[..., Verdict]:
    def verdict(data: bytes, file: str = FILE, *, withheld: tuple[str, ...] = ()) -> Verdict:
        scene.blobs.put(data)
        anew = reseal(scene, add_document(scene.facts, data, file))
        withheld_files = Withheld(withheld, "For the court alone.") if withheld else None
        return Verifier(scene.trust).verify(
            anew.write(tmp_path / "b.zip", replace(anew.proofs, withheld=withheld_files))
        )

    return verdict


@pytest.mark.parametrize(
    ("data", "state", "words"),
    [
        (empty_pdf(), "passed", "No scripts, embedded files, forms or actions were found in 02.pdf"),
        (create_pdf("script"), "not checked", "02.pdf contains JavaScript. None of it was run or opened."),
        (create_pdf_with_object_stream(SCRIPT), "not checked", "02.pdf contains JavaScript."),
        (create_pdf("files"), "not checked", "02.pdf contains embedded files."),
        (create_pdf("launch"), "not checked", "02.pdf contains actions that open other files or programs."),
        (create_pdf(password="x"), "not checked", "02.pdf was not examined: it is encrypted."),
        (b"GIF89a", "not checked", "02.pdf was not examined: it cannot be read as a PDF."),
    ],
)
def test_active_content_of_document_is_reported(
    verify_document: Callable[..., Verdict], data: bytes, state: str, words: str
) -> None:
    verdict = verify_document(data)
    [check] = [check for check in verdict.checks if check.name == "document:02"]
    assert (str(check.state), check.sentence.startswith(words)) == (state, True), check
    lines = [line for line in verdict.lines if line.of == "document:02"]
    assert [line.value for line in lines] == ([check.sentence] if state == "not checked" else [])
    assert not verdict.failures


def test_non_pdf_or_withheld_document_is_not_inspected(verify_document: Callable[..., Verdict]) -> None:
    checks = {check.name: check for check in verify_document(b"GIF89a", get_title_document_path(2, "b.gif")).checks}
    assert "document:02" not in checks
    checks = {check.name: check for check in verify_document(create_pdf("script"), withheld=(FILE,)).checks}
    assert "withheld" in checks["document:02"].sentence
    assert str(checks["document:02"].state) == "not checked"


@pytest.mark.long
@pytest.mark.parametrize("language", shown_languages())
def test_sheet_and_deposit_record_report_active_content(scene: Scene, language: str) -> None:
    facts = add_document(scene.facts, create_pdf("script"))
    work = replace(facts, sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    for render, about in ((render_exhibit_sheet, facts), (render_deposit_record, work)):
        for files, has_script in (({FILE: create_pdf("script")}, True), ({FILE: CONTRACT}, False), ({}, False)):
            text = text_of(render(about, files, language))
            assert ("JavaScript" in text, "02.pdf" in text) == (has_script, has_script)
    assert "02.pdf" in text_of(render_exhibit_sheet(facts, {FILE: create_pdf(password="x")}, language))
