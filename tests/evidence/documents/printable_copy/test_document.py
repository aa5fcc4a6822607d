"""Test the printable copy: numbered exhibits, continuous page numbers, and a list of omissions."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pypdf
import pytest
from PIL import Image

from evidence.bundle.manifest import Manifest, ManifestFile
from evidence.documents.printable_copy import exhibits
from evidence.documents.printable_copy.document import PrintableCopy, load_wording, render_printable_copy
from evidence.documents.printable_copy.exhibits import Exhibit, build_exhibit
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import AttachmentFacts, CaseFacts
from evidence.formats.pdf_content import PdfContent, inspect_pdf
from exhibit.digests import Digest
from tests.assets.chinese import find_english
from tests.assets.documents_sample import NOON, part, phrase, sample_case, sample_pictures
from tests.assets.sealed_sample import sealed_sample
from tests.evidence.documents.phrases.test_chinese import ALLOWED_ENGLISH, to_chinese
from tests.evidence.formats.test_pdf_content import create_pdf
from tests.evidence.formats.test_pdf_pages import hostile_pdf

VISIT = "data/sightings/01/capture-1"
PAPERS = "data/work/documents"
FRAME = 53.8  # points of the footer below it: 19 mm


def _screenshot() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((640, 3000)).convert("RGB").save(out, "PNG")
    return out.getvalue()


class SealedBundle:
    """A bundle with a captured page, and with documents of each kind in the chain of title."""

    def __init__(self, facts: CaseFacts, language: str) -> None:
        self.files: dict[str, bytes] = {
            f"{VISIT}/page.pdf": hostile_pdf(),
            f"{VISIT}/screenshot-boxed.png": _screenshot(),
            f"{PAPERS}/01.pdf": hostile_pdf(),
            f"{PAPERS}/02.pdf": create_pdf(password="secret"),
            f"{PAPERS}/03.txt": b"A letter.",
            f"{PAPERS}/04.jpg": b"No picture.",
        }
        titles = {path: path.rpartition("/")[2] for path in self.files if path.startswith(PAPERS)}
        attached = tuple(
            AttachmentFacts(title, "title-document", Digest.from_bytes(self.files[path]), path)
            for path, title in titles.items()
        )
        [sighting] = facts.sightings
        shots = tuple(path for path in self.files if path.startswith(VISIT))
        visit = replace(sighting.captures[0], outcome="captured", files=shots)
        work = replace(facts.work, attachments=attached)
        self.facts = replace(facts, work=work, sightings=(replace(sighting, captures=(visit,)),))
        self.files["data/exhibit.pdf"] = render_exhibit_sheet(self.facts, sample_pictures(), language)
        self.files["data/facts.json"] = self.facts.to_json()
        self.manifest: Manifest = replace(
            sealed_sample().manifest, files=tuple(map(self._create_manifest_file, sorted(self.files)))
        )

    def _create_manifest_file(self, path: str) -> ManifestFile:
        data, role = self.files[path], "exhibit-sheet" if path == "data/exhibit.pdf" else "other"
        sha512 = hashlib.sha512(data).digest()
        return ManifestFile(path, role, "application/octet-stream", len(data), Digest.from_bytes(data), sha512)

    def create_exhibit(self, number: int, language: str, withheld: Mapping[str, str]) -> Exhibit:
        name, wording = f"studio-case-{number}-bundle-1.zip", load_wording(language, "UTC")
        return build_exhibit(
            number, self.facts, self.manifest, name, lambda file: self.files[file.path], withheld, wording
        )


def _create_copy(*exhibits: Exhibit) -> PrintableCopy:
    facts = exhibits[0].facts
    return PrintableCopy(
        "Lund", "other-side", "They stay here.", "Ann", NOON, facts.software, 0, len(exhibits), exhibits
    )


@pytest.fixture(scope="module")
def sealed_document() -> SealedBundle:
    return SealedBundle(sample_case(), "en")


@pytest.fixture(scope="module")
def pdf(sealed_document: SealedBundle) -> bytes:
    return render_printable_copy(
        _create_copy(
            sealed_document.create_exhibit(1, "en", {}),
            sealed_document.create_exhibit(2, "en", {f"{PAPERS}/01.pdf": "They stay here."}),
        ),
        "en",
    )


def _extract_page_texts(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.long
def test_pages_are_numbered_and_bookmarks_point_to_documents(sealed_document: SealedBundle, pdf: bytes) -> None:
    reader, texts = pypdf.PdfReader(io.BytesIO(pdf)), _extract_page_texts(pdf)
    first = next(number for number, text in enumerate(texts) if "Exhibit 1 · page" in text)
    second = next(number for number, text in enumerate(texts) if "Exhibit 2 · page" in text)
    for number, text in enumerate(texts):
        mark = "" if number < first else f"Exhibit {1 if number < second else 2} · "
        assert f"{mark}page {number + 1} of {len(texts)}" in text
    marks = {
        str(bookmark.title): reader.get_destination_page_number(bookmark) or 0 for bookmark in _flatten(reader.outline)
    }
    assert (marks["Exhibit 1 · Exhibit sheet"], marks["Exhibit 2 · Exhibit sheet"]) == (first, second)
    assert "Page 1 of the contract" in texts[marks[f"1.1 {phrase('cnlist.document', title='01.pdf')}"]]
    listed = "".join(texts[1:first])
    for title, page in marks.items():
        if title[:1].isdigit():
            assert f"{title.partition(' ')[0]} " in listed
            assert str(page + 1) in listed
    assert [title for title in marks if title.startswith("2.")] == []


def _flatten(outline: list[Any]) -> list[pypdf.generic.Destination]:
    return [flat_item for item in outline for flat_item in (_flatten(item) if isinstance(item, list) else [item])]


@pytest.mark.long
def test_cover_lists_bundles_and_omissions(sealed_document: SealedBundle, pdf: bytes) -> None:
    texts, seal = _extract_page_texts(pdf), Digest.from_bytes(sealed_document.manifest.to_json()).hex
    cover = texts[0]
    first = next(number for number, text in enumerate(texts) if "Exhibit 1 · page" in text)
    listed = " ".join(texts[1:first])
    for number in (1, 2):
        assert f"studio-case-{number}-bundle-1.zip" in cover
        for left_out in ("02.pdf): encrypted", "03.txt): neither a PDF nor a picture", "04.jpg): not a picture"):
            assert f"Exhibit {number} · {phrase('cnlist.document', title=left_out[:6])} ({PAPERS}/{left_out}" in listed
    assert cover.replace(" ", "").count(seal) == 2
    assert part("reading.notes") in listed
    assert f"({PAPERS}/01.pdf): withheld. They stay here." in listed
    assert phrase("reading.data") in listed
    for said in (
        "Lund",
        "prints-and-more.example",
        "They stay here.",
        "2026-11-20",
        "Exhibit 0.",
        part("reading.what"),
    ):
        assert said in cover


def test_printable_copy_has_no_active_content_and_is_deterministic(sealed_document: SealedBundle, pdf: bytes) -> None:
    assert inspect_pdf(pdf) == PdfContent(())
    again = render_printable_copy(
        _create_copy(
            sealed_document.create_exhibit(1, "en", {}),
            sealed_document.create_exhibit(2, "en", {f"{PAPERS}/01.pdf": "They stay here."}),
        ),
        "en",
    )
    assert again == pdf


@pytest.mark.long
def test_page_labels_are_placed_below_the_original_page(pdf: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    page = reader.pages[
        next(number for number, text in enumerate(_extract_page_texts(pdf)) if "Page 2 of the contract" in text)
    ]
    assert float(page.mediabox.width) > float(page.mediabox.height)  # as on the second page of hostile_pdf
    content = page.get_contents()
    assert content is not None
    moved, placements, baselines = [0.0] * 6, [], []
    for operands, operator in content.operations:
        if operator == b"cm":
            moved = [float(number) for number in operands]
        elif operator == b"Do":
            placements.append(moved)
        elif operator == b"Tm":
            baselines.append(moved[5])
    [(across, _, _, up, left_edge, low)] = placements
    assert across == up  # not distorted
    assert left_edge >= 25
    assert 0 < max(baselines) < FRAME < low


def test_exhibit_states_which_pages_are_omitted_because_of_limits(
    sealed_document: SealedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = len(sealed_document.create_exhibit(1, "en", {}).parts[0].pages)
    monkeypatch.setattr(exhibits, "MAX_PAGES", sheet + 1)
    exhibit = sealed_document.create_exhibit(1, "en", {})
    assert exhibit.page_count == sheet + 1
    assert any(phrase("reading.part", shown="1", all="2") in sentence for sentence in exhibit.omissions)
    assert sum(phrase("reading.full") in sentence for sentence in exhibit.omissions) == 3
    monkeypatch.setattr(exhibits, "MAX_SECONDS", -1.0)
    exhibit = sealed_document.create_exhibit(1, "en", {})
    assert exhibit.page_count == 0
    assert sum(phrase("reading.late") in sentence for sentence in exhibit.omissions) == 5


@pytest.mark.long
@pytest.mark.skipif(not load_fonts().chinese_families, reason="no Chinese font here")
def test_chinese_printable_copy_includes_the_evidence_list() -> None:
    chinese_document = SealedBundle(to_chinese(sample_case()), "zh-Hans")
    texts = _extract_page_texts(
        render_printable_copy(_create_copy(chinese_document.create_exhibit(1, "zh-Hans", {})), "zh-Hans")
    )
    own = [text for text in texts if "deed" not in text]
    expected = (*ALLOWED_ENGLISH, "Lund", "Ann", "They", "stay", "here")
    assert set(find_english(" ".join(own), expected)) == set()
    assert all(word in texts[1] for word in ("证据目录", "来源", "证明对象", "页码", "提交人", "签名", "日期"))
    assert f"证据 1 · 第 3 页，共 {len(texts)} 页" in texts[2]
