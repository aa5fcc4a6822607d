"""The exhibit sheet: human-readable PDF of a case inside its bundle, with the facts attached as JSON."""

import json
from dataclasses import replace

from evidence.capture.boxes import crop_to_place
from evidence.documents.case import sections as of_case
from evidence.documents.case.comparison import DetailLimits, Gallery
from evidence.documents.case.summary import build_summary, find_best_match, list_first_page_labels
from evidence.documents.case.unchecked import list_own_unchecked_sentences
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.documents.typeset.blocks import Block, Document, FactSource, Line, Lines, Quiet, Rows, Section
from evidence.documents.typeset.compiler import PreparedDocument, TypesetFile
from evidence.documents.typeset.pictures import Album, Pictures
from evidence.facts.case import CaseFacts, SightingFacts
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError

FACTS_FILE = "facts.json"
PICTURE_SIDE = 1400
DRAWING_HEIGHTS = ((("side-by-side",), 128), (("overlay", "difference"), 62), (("points",), 66))
DETAIL_LIMITS = DetailLimits(max_sightings=40, max_matches=12, drawing_rows=DRAWING_HEIGHTS, max_plain_height=62)
MAX_SCREENSHOTS, SCREENSHOT_HEIGHT = 10, 180  # maximum number of screenshots in a sheet; height of each in millimetres
SCREENSHOT_SUFFIX = "/screenshot-boxed.png"
RECORD_SUFFIX = "/network.json"


def render_exhibit_sheet(facts: CaseFacts, pictures: Pictures, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render the sheet as PDF/A-3b with ``facts.json`` attached, dated ``written_at``.

    The same input gives the same bytes. ``pictures`` contains exact bytes by path in the facts; missing pictures are
    marked as missing.

    Raises:
        ServiceMissingError: No font for the language is installed.
        InvalidRequestError: The language or the zone is unknown.
    """
    wording = Wording(load_phrases(language), load_time_zone(time_zone))
    gallery = Gallery(pictures, Album(PICTURE_SIDE), wording)
    document = _build_document(facts, gallery)
    files = (*gallery.album.files, TypesetFile(FACTS_FILE, facts.to_json()))
    return PreparedDocument(document, files, language, facts.written_at).render_pdf()


def _build_sections(facts: CaseFacts, gallery: Gallery) -> tuple[Section, ...]:
    wording, first_page_labels = gallery.wording, list_first_page_labels(facts)
    return (
        of_case.build_sightings_section(facts, wording, 1, DETAIL_LIMITS, first_page_labels),
        of_case.build_work_section(facts, wording, 1, gallery.pictures, first_page_labels),
        of_case.build_licence_section(facts, wording, 1),
        of_case.build_decision_section(facts, wording, 1),
        *build_screenshot_sections(facts, gallery),
        of_case.build_comparison_section(facts, gallery, 1, DETAIL_LIMITS, find_best_match(facts)),
        of_case.build_proofs_section(facts, wording),
        *of_case.build_omitted_files_section(facts, wording),
        of_case.build_unchecked_section(wording, list_own_unchecked_sentences(facts, wording)),
        of_case.build_limits_section(wording),
        _build_about_section(facts, wording),
    )


def _build_about_section(facts: CaseFacts, wording: Wording) -> Section:
    rows = (
        wording.build_row("case", "number", facts.number),
        wording.build_row("bundle", "bundle", str(facts.bundle)),
        wording.build_time_row("opened_at", facts.opened_at, "opened_at"),
        wording.build_time_row("made_at", facts.written_at, "written_at"),
        wording.build_row("preparer", FactSource.RECORDED, wording.render("sheet.preparer", owner=facts.owner.name)),
        wording.build_row("software", "software.name", f"{facts.software.name} {facts.software.version}"),
    )
    blocks = (Rows(rows), Quiet(wording.render("sheet.speakers")), Quiet(wording.render("sheet.seal_apart")))
    return Section(wording.render("heading.about"), blocks, 1)


def _build_document(facts: CaseFacts, gallery: Gallery) -> Document:
    wording, first_section, *sections = gallery.wording, *_build_sections(facts, gallery)
    render, development_warnings = wording.render, of_case.build_development_warning(facts.timestamps, wording)
    running = render("sheet.running", case=facts.number, bundle=facts.bundle)
    return Document(
        title=wording.clip_text(f"{render('sheet.header')} {facts.number}: {facts.work.title}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=render("sheet.description", case=facts.number),
        kicker=render("sheet.kicker"),
        heading=wording.clip_text(facts.work.title or render("document.unknown"), 200),
        subtitle=render("sheet.subtitle", case=facts.number, bundle=facts.bundle, party=facts.party.name),
        header=render("sheet.header"),
        language=wording.get_language_settings(),
        stamp=render(
            "sheet.stamp", case=facts.number, bundle=facts.bundle, digest=Digest.from_bytes(facts.to_json()).hex
        ),
        opening=(
            *of_case.build_demonstration_warning(facts, wording),
            *development_warnings,
            *build_summary(facts, gallery),
        ),
        sections=(replace(first_section, running=running), *sections),
        data=(FACTS_FILE, render("sheet.attachment")),
    )


def build_screenshot_sections(facts: CaseFacts, gallery: Gallery) -> tuple[Section, ...]:
    """Return the section with the screenshots; an empty tuple if no page was captured with a browser."""
    blocks: list[Block] = []
    wording, pictures = gallery.wording, gallery.pictures
    screenshots = _list_screenshots(facts, wording)
    for numbers, path, time in screenshots[:MAX_SCREENSHOTS]:
        caption = wording.render("capture.screen", n=wording.join_numbers(numbers), time=time, path=path)
        blocks.append(Lines((Line(caption),), leads=True))
        data = pictures.get(path)
        screenshot_pictures = (
            {} if data is None else {path: _crop_screenshot(data, find_picture_offset(pictures, path))}
        )
        blocks.append(
            replace(gallery, pictures=screenshot_pictures).create_row({"screenshot-boxed": path}, SCREENSHOT_HEIGHT)
        )
    if len(screenshots) > MAX_SCREENSHOTS:
        blocks.append(
            Quiet(
                wording.render(
                    "capture.more_screens", shown=MAX_SCREENSHOTS, all=len(screenshots), path=screenshots[-1][1]
                )
            )
        )
    if blocks:
        blocks.append(Quiet(wording.render("capture.screens_said")))
    return (Section(wording.render("heading.screens"), tuple(blocks)),) if blocks else ()


def _list_screenshots(facts: CaseFacts, wording: Wording) -> list[tuple[list[int], str, str]]:
    """Return one screenshot for each page URL: numbers of the sightings, path, and formatted time."""
    screenshots: dict[str, tuple[list[int], str, str]] = {}
    for sighting in facts.sightings:
        path, time = _find_last_screenshot(sighting, facts, wording)
        if path:
            page = sighting.page_url or sighting.image_url
            screenshots.setdefault(page, ([], path, time))[0].append(sighting.number)
    return list(screenshots.values())


def _find_last_screenshot(sighting: SightingFacts, facts: CaseFacts, wording: Wording) -> tuple[str, str]:
    """Return path and time of the last screenshot of a page that served exactly this picture; empty without one."""
    for capture in reversed(sighting.captures):
        path = next(
            (file for file in capture.files if file.endswith(SCREENSHOT_SUFFIX) and file not in facts.omitted_files), ""
        )
        if path and capture.outcome == "captured":
            return path, wording.format_time(capture.finished)
    return "", ""


def find_picture_offset(pictures: Pictures, path: str) -> float:
    """Return the distance in pixels from the top of the screenshot to the first image; 0 if it is not recorded."""
    record = pictures.get(path.removesuffix(SCREENSHOT_SUFFIX) + RECORD_SUFFIX)
    try:
        rendered = json.loads(record or b"{}").get("rendered", {})
        return float(rendered["image_places"][0]["y"]) - float(rendered["boxed_screenshot_from"])
    except (ValueError, TypeError, LookupError, AttributeError):
        return 0.0


def _crop_screenshot(data: bytes, offset: float) -> bytes:
    try:
        return crop_to_place(data, offset)
    except UnreadablePictureError:
        return data  # the document later states why it cannot be shown
