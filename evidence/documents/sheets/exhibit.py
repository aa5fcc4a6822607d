"""The exhibit sheet: one case on a few pages, inside its bundle, with the facts attached as plain data."""

import json
from dataclasses import replace

from evidence.capture.boxes import crop_to_place
from evidence.documents.case import sections as of_case
from evidence.documents.case.comparison import Gallery, Room
from evidence.documents.case.summary import best_match, labels_on_first_page, summary
from evidence.documents.case.unchecked import own_sentences
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.documents.typeset.blocks import Block, Document, Line, Lines, Quiet, Rows, Section, Speaker
from evidence.documents.typeset.compiler import TypesetFile, Unset
from evidence.documents.typeset.pictures import Album, Pictures
from evidence.facts.case import CaseFacts, SightingFacts
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError

FACTS_FILE = "facts.json"
PICTURE_SIDE = 1400
DRAWING_HEIGHTS = ((("side-by-side",), 128), (("overlay", "difference"), 62), (("points",), 66))
ROOM = Room(sightings=40, matches=12, rows=DRAWING_HEIGHTS, plain_height=62)
MAX_SCREENS, HEIGHT = 10, 180  # limit of screenshots in a sheet, and of the height of each in millimetres
NAME = "/screenshot-boxed.png"
RECORD = "/network.json"


def render_exhibit_sheet(facts: CaseFacts, pictures: Pictures, language: str, *, time_zone: str = "UTC") -> bytes:
    """Render the sheet as PDF/A-3b with ``facts.json`` attached, dated ``written_at``; same input, same bytes.

    ``pictures`` are exact bytes by path in the facts; missing ones are marked as missing.

    Raises:
        ServiceMissingError: No font for the language is installed.
        WrongUseError: The language or the zone is unknown.
    """
    wording = Wording(load_phrases(language), zone_named(time_zone))
    gallery = Gallery(pictures, Album(PICTURE_SIDE), wording)
    document = _document(facts, gallery)
    files = (*gallery.album.files, TypesetFile(FACTS_FILE, facts.to_json()))
    return Unset(document, files, language, facts.written_at).pdf()


def _sections(facts: CaseFacts, gallery: Gallery) -> tuple[Section, ...]:
    wording, stated = gallery.wording, labels_on_first_page(facts)
    return (
        of_case.sightings_section(facts, wording, 1, ROOM, stated),
        of_case.work_section(facts, wording, 1, gallery.pictures, stated),
        of_case.licence_section(facts, wording, 1),
        of_case.decision_section(facts, wording, 1),
        *screens_sections(facts, gallery),
        of_case.comparison_section(facts, gallery, 1, ROOM, best_match(facts)),
        of_case.sheet_proofs(facts, wording),
        *of_case.left_out_section(facts, wording),
        of_case.unchecked_section(wording, own_sentences(facts, wording)),
        of_case.limits_section(wording),
        _about(facts, wording),
    )


def _about(facts: CaseFacts, wording: Wording) -> Section:
    rows = (
        wording.row("case", "number", facts.number),
        wording.row("bundle", "bundle", str(facts.bundle)),
        wording.time_row("opened_at", facts.opened_at, "opened_at"),
        wording.time_row("made_at", facts.written_at, "written_at"),
        wording.row("preparer", Speaker.RECORDED, wording.say("sheet.preparer", owner=facts.owner.name)),
        wording.row("software", "software.name", f"{facts.software.name} {facts.software.version}"),
    )
    blocks = (Rows(rows), Quiet(wording.say("sheet.speakers")), Quiet(wording.say("sheet.seal_apart")))
    return Section(wording.say("heading.about"), blocks, 1)


def _document(facts: CaseFacts, gallery: Gallery) -> Document:
    wording, first, *sections = gallery.wording, *_sections(facts, gallery)
    say, trials = wording.say, of_case.development_warning(facts.witnesses, wording)
    running = say("sheet.running", case=facts.number, bundle=facts.bundle)
    return Document(
        title=wording.clipped(f"{say('sheet.header')} {facts.number}: {facts.work.title}", 200),
        author=f"{facts.software.name} {facts.software.version}",
        description=say("sheet.description", case=facts.number),
        kicker=say("sheet.kicker"),
        heading=wording.clipped(facts.work.title or say("document.unknown"), 200),
        subtitle=say("sheet.subtitle", case=facts.number, bundle=facts.bundle, party=facts.party.name),
        header=say("sheet.header"),
        language=wording.setting(),
        stamp=say("sheet.stamp", case=facts.number, bundle=facts.bundle, digest=Digest.of(facts.to_json()).hex),
        opening=(*of_case.demonstration_warning(facts, wording), *trials, *summary(facts, gallery)),
        sections=(replace(first, running=running), *sections),
        data=(FACTS_FILE, say("sheet.attachment")),
    )


def screens_sections(facts: CaseFacts, gallery: Gallery) -> tuple[Section, ...]:
    """Return the section with the screenshots; empty if no page was captured with a browser."""
    blocks: list[Block] = []
    wording, pictures = gallery.wording, gallery.pictures
    screens = _screens(facts, wording)
    for numbers, path, time in screens[:MAX_SCREENS]:
        caption = wording.say("capture.screen", n=wording.numbers(numbers), time=time, path=path)
        blocks.append(Lines((Line(caption),), leads=True))
        data = pictures.get(path)
        screen_pictures = {} if data is None else {path: _cut(data, first_place(pictures, path))}
        blocks.append(replace(gallery, pictures=screen_pictures).row({"screenshot-boxed": path}, HEIGHT))
    if len(screens) > MAX_SCREENS:
        blocks.append(
            Quiet(wording.say("capture.more_screens", shown=MAX_SCREENS, all=len(screens), path=screens[-1][1]))
        )
    if blocks:
        blocks.append(Quiet(wording.say("capture.screens_said")))
    return (Section(wording.say("heading.screens"), tuple(blocks)),) if blocks else ()


def _screens(facts: CaseFacts, wording: Wording) -> list[tuple[list[int], str, str]]:
    """Return one screenshot for each page URL: the numbers of its sightings, its path, and its time."""
    screens: dict[str, tuple[list[int], str, str]] = {}
    for sighting in facts.sightings:
        path, time = _last(sighting, facts, wording)
        if path:
            page = sighting.page_url or sighting.image_url
            screens.setdefault(page, ([], path, time))[0].append(sighting.number)
    return list(screens.values())


def _last(sighting: SightingFacts, facts: CaseFacts, wording: Wording) -> tuple[str, str]:
    """Return path and time of the last screenshot in the bundle whose page used the picture's exact bytes."""
    for capture in reversed(sighting.captures):
        path = next((file for file in capture.files if file.endswith(NAME) and file not in facts.omitted_files), "")
        if path and capture.outcome == "captured":
            return path, wording.time(capture.finished)
    return "", ""


def first_place(pictures: Pictures, path: str) -> float:
    """Return the distance of the first place from the top of the screenshot, by the capture's record."""
    record = pictures.get(path.removesuffix(NAME) + RECORD)
    try:
        rendered = json.loads(record or b"{}").get("rendered", {})
        return float(rendered["image_places"][0]["y"]) - float(rendered["boxed_screenshot_from"])
    except (ValueError, TypeError, LookupError, AttributeError):
        return 0.0


def _cut(data: bytes, first: float) -> bytes:
    try:
        return crop_to_place(data, first)
    except UnreadablePictureError:
        return data  # the plate states why it cannot be shown
