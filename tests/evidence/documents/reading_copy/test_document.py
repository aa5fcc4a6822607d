"""Test that a reading copy has numbered exhibits after dividers, one page numbering, and names what it omits."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pypdf
import pytest
from PIL import Image

from evidence.bundle.manifest import Manifest, ManifestFile
from evidence.documents.reading_copy import exhibits
from evidence.documents.reading_copy.document import ReadingCopy, render_reading_copy, wording_of
from evidence.documents.reading_copy.exhibits import Exhibit, exhibit_of
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import AttachmentFacts, CaseFacts
from evidence.formats.pdf_content import PdfContent, pdf_content
from exhibit.digests import Digest
from tests.assets.chinese import english_in
from tests.assets.documents_sample import NOON, part, sample_case, sample_pictures, say
from tests.assets.papers_sample import sample_sealed
from tests.evidence.documents.phrases.test_chinese import SAID, chinese
from tests.evidence.formats.test_pdf_content import written
from tests.evidence.formats.test_pdf_pages import hostile

VISIT = "data/sightings/01/capture-1"
PAPERS = "data/work/documents"
FRAME = 53.8  # points of the footer below it: 19 mm


def _screenshot() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((640, 3000)).convert("RGB").save(out, "PNG")
    return out.getvalue()


class Sealed:
    """A bundle with a captured page, and with documents of each kind in the chain of title."""

    def __init__(self, facts: CaseFacts, language: str) -> None:
        self.files: dict[str, bytes] = {
            f"{VISIT}/page.pdf": hostile(),
            f"{VISIT}/screenshot-boxed.png": _screenshot(),
            f"{PAPERS}/01.pdf": hostile(),
            f"{PAPERS}/02.pdf": written(password="secret"),
            f"{PAPERS}/03.txt": b"A letter.",
            f"{PAPERS}/04.jpg": b"No picture.",
        }
        titles = {path: path.rpartition("/")[2] for path in self.files if path.startswith(PAPERS)}
        attached = tuple(
            AttachmentFacts(title, "title-document", Digest.of(self.files[path]), path)
            for path, title in titles.items()
        )
        [sighting] = facts.sightings
        shots = tuple(path for path in self.files if path.startswith(VISIT))
        visit = replace(sighting.captures[0], outcome="captured", files=shots)
        work = replace(facts.work, attachments=attached)
        self.facts = replace(facts, work=work, sightings=(replace(sighting, captures=(visit,)),))
        self.files["data/exhibit.pdf"] = render_exhibit_sheet(self.facts, sample_pictures(), language)
        self.files["data/facts.json"] = self.facts.to_json()
        self.manifest: Manifest = replace(sample_sealed().manifest, files=tuple(map(self._listed, sorted(self.files))))

    def _listed(self, path: str) -> ManifestFile:
        data, role = self.files[path], "exhibit-sheet" if path == "data/exhibit.pdf" else "other"
        sha512 = hashlib.sha512(data).digest()
        return ManifestFile(path, role, "application/octet-stream", len(data), Digest.of(data), sha512)

    def exhibit(self, number: int, language: str, withheld: Mapping[str, str]) -> Exhibit:
        name, wording = f"studio-case-{number}-bundle-1.zip", wording_of(language, "UTC")
        return exhibit_of(
            number, self.facts, self.manifest, name, lambda file: self.files[file.path], withheld, wording
        )


def _copy(*exhibits: Exhibit) -> ReadingCopy:
    facts = exhibits[0].facts
    return ReadingCopy("Lund", "other-side", "They stay here.", "Ann", NOON, facts.software, 0, len(exhibits), exhibits)


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return Sealed(sample_case(), "en")


@pytest.fixture(scope="module")
def pdf(sealed: Sealed) -> bytes:
    return render_reading_copy(
        _copy(sealed.exhibit(1, "en", {}), sealed.exhibit(2, "en", {f"{PAPERS}/01.pdf": "They stay here."})), "en"
    )


def _texts(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.long
def test_every_page_has_its_number_and_the_list_and_bookmarks_lead_to_each_piece(sealed: Sealed, pdf: bytes) -> None:
    reader, texts = pypdf.PdfReader(io.BytesIO(pdf)), _texts(pdf)
    first = next(number for number, text in enumerate(texts) if "Exhibit 1 · page" in text)
    second = next(number for number, text in enumerate(texts) if "Exhibit 2 · page" in text)
    for number, text in enumerate(texts):
        mark = "" if number < first else f"Exhibit {1 if number < second else 2} · "
        assert f"{mark}page {number + 1} of {len(texts)}" in text
    marks = {str(one.title): reader.get_destination_page_number(one) or 0 for one in _flat(reader.outline)}
    assert (marks["Exhibit 1 · Exhibit sheet"], marks["Exhibit 2 · Exhibit sheet"]) == (first, second)
    assert "Page 1 of the deed" in texts[marks[f"1.1 {say('cnlist.document', title='01.pdf')}"]]
    listed = "".join(texts[1:first])
    for title, page in marks.items():
        if title[:1].isdigit():
            assert f"{title.partition(' ')[0]} " in listed
            assert str(page + 1) in listed
    assert [title for title in marks if title.startswith("2.")] == []


def _flat(outline: list[Any]) -> list[pypdf.generic.Destination]:
    return [found for one in outline for found in (_flat(one) if isinstance(one, list) else [one])]


@pytest.mark.long
def test_the_cover_names_the_sealed_bundles_and_the_list_what_is_not_shown(sealed: Sealed, pdf: bytes) -> None:
    texts, seal = _texts(pdf), Digest.of(sealed.manifest.to_json()).hex
    cover = texts[0]
    first = next(number for number, text in enumerate(texts) if "Exhibit 1 · page" in text)
    listed = " ".join(texts[1:first])
    for number in (1, 2):
        assert f"studio-case-{number}-bundle-1.zip" in cover
        for left_out in ("02.pdf): encrypted", "03.txt): neither a PDF nor a picture", "04.jpg): not a picture"):
            assert f"Exhibit {number} · {say('cnlist.document', title=left_out[:6])} ({PAPERS}/{left_out}" in listed
    assert cover.replace(" ", "").count(seal) == 2
    assert part("reading.notes") in listed
    assert f"({PAPERS}/01.pdf): withheld. They stay here." in listed
    assert say("reading.data") in listed
    for said in (
        "Lund",
        "prints-and-more.example",
        "They stay here.",
        "2026-11-20",
        "Exhibit 0.",
        part("reading.what"),
    ):
        assert said in cover


def test_nothing_of_the_files_would_run_and_the_same_gives_the_same_bytes(sealed: Sealed, pdf: bytes) -> None:
    assert pdf_content(pdf) == PdfContent(())
    again = render_reading_copy(
        _copy(sealed.exhibit(1, "en", {}), sealed.exhibit(2, "en", {f"{PAPERS}/01.pdf": "They stay here."})), "en"
    )
    assert again == pdf


@pytest.mark.long
def test_what_is_added_stands_below_the_frame_and_never_on_it(pdf: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    page = reader.pages[next(number for number, text in enumerate(_texts(pdf)) if "Page 2 of the deed" in text)]
    assert float(page.mediabox.width) > float(page.mediabox.height)  # like the deed's second page
    content = page.get_contents()
    assert content is not None
    moved, drawn, said = [0.0] * 6, [], []
    for operands, operator in content.operations:
        if operator == b"cm":
            moved = [float(number) for number in operands]
        elif operator == b"Do":
            drawn.append(moved)
        elif operator == b"Tm":
            said.append(moved[5])
    [(across, _, _, up, left, low)] = drawn
    assert across == up  # not distorted
    assert left >= 25
    assert 0 < max(said) < FRAME < low


def test_an_exhibit_has_room_for_so_many_pages_and_so_much_time_and_says_what_it_leaves_out(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = len(sealed.exhibit(1, "en", {}).pieces[0].leaves)
    monkeypatch.setattr(exhibits, "MOST_PAGES", sheet + 1)
    one = sealed.exhibit(1, "en", {})
    assert one.pages == sheet + 1
    assert any(say("reading.part", shown="1", all="2") in said for said in one.left_out)
    assert sum(say("reading.full") in said for said in one.left_out) == 3
    monkeypatch.setattr(exhibits, "MOST_SECONDS", -1.0)
    one = sealed.exhibit(1, "en", {})
    assert one.pages == 0
    assert sum(say("reading.late") in said for said in one.left_out) == 5


@pytest.mark.long
@pytest.mark.skipif(not installed_fonts().chinese, reason="no Chinese font here")
def test_a_chinese_one_is_chinese_with_a_list_of_evidence_to_be_signed() -> None:
    sealed = Sealed(chinese(sample_case()), "zh-Hans")
    texts = _texts(render_reading_copy(_copy(sealed.exhibit(1, "zh-Hans", {})), "zh-Hans"))
    own = [text for text in texts if "deed" not in text]
    said = (*SAID, "Lund", "Ann", "They", "stay", "here")
    assert set(english_in(" ".join(own), said)) == set()
    assert all(word in texts[1] for word in ("证据目录", "来源", "证明对象", "页码", "提交人", "签名", "日期"))
    assert f"证据 1 · 第 3 页，共 {len(texts)} 页" in texts[2]
