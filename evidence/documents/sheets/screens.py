"""How the pages looked: of each place the last screenshot with the picture boxed, as far as the sheet has room."""

import json

from evidence.capture.boxes import cutting
from evidence.documents.case.comparison import plate, plates_height
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Block, Plates, Quiet, Section, Text
from evidence.documents.typeset.pictures import Album, Pictures
from evidence.facts.case import CaseFacts, SightingFacts
from exhibit.errors import UnreadablePictureError

MAX_SCREENS, HEIGHT = 6, 190
"""Screenshots of a sheet, and most millimetres of each."""
NAME = "/screenshot-boxed.png"
RECORD = "/network.json"


def screens_sections(
    facts: CaseFacts, pictures: Pictures, album: Album, wording: Wording, level: int
) -> tuple[Section, ...]:
    """A section with the screenshots, or none when no page was captured with a browser."""
    blocks: list[Block] = []
    last = [(sighting.number, *_last(sighting, wording)) for sighting in facts.sightings]
    there = [screen for screen in last if screen[1]]
    for number, path, time in there[:MAX_SCREENS]:
        blocks.append(Text(wording.say("capture.screen", n=number, time=time, path=path)))
        data = pictures.get(path)
        found = {} if data is None else {path: _cut(data, first_place(pictures, path))}
        shown = plate(path, "screenshot-boxed", found, album, wording, 1)
        blocks.append(Plates((shown,), plates_height((shown,), album, HEIGHT)))
    if len(there) > MAX_SCREENS:
        words = wording.say("capture.more_screens", shown=MAX_SCREENS, all=len(there), path=there[-1][1])
        blocks.append(Quiet(words))
    return (Section(wording.say("heading.screens"), tuple(blocks), level),) if blocks else ()


def _last(sighting: SightingFacts, wording: Wording) -> tuple[str, str]:
    """Path and time of the last screenshot of a page that used the picture's own bytes."""
    for capture in reversed(sighting.captures):
        path = next((file for file in capture.files if file.endswith(NAME)), "")
        if path and capture.outcome == "captured":
            return path, wording.time(capture.finished)
    return "", ""


def first_place(pictures: Pictures, path: str) -> float:
    """How far below the screenshot's upper edge the first place begins, by the capture's record."""
    record = pictures.get(path.removesuffix(NAME) + RECORD)
    try:
        rendered = json.loads(record or b"{}").get("rendered", {})
        return float(rendered["image_places"][0]["y"]) - float(rendered["boxed_screenshot_from"])
    except (ValueError, TypeError, LookupError, AttributeError):
        return 0.0


def _cut(data: bytes, first: float) -> bytes:
    try:
        return cutting(data, first)
    except UnreadablePictureError:
        return data  # the plate says why it can't be shown
