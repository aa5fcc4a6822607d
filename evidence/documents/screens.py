"""How the pages looked: of each place the last screenshot with the picture boxed, as far as the sheet has room."""

from evidence.boxes import cutting
from evidence.documents.blocks import Block, Plates, Quiet, Section, Text
from evidence.documents.comparison import plate, plates_height
from evidence.documents.pictures import Album, Pictures
from evidence.documents.wording import Wording
from evidence.facts import CaseFacts, SightingFacts
from exhibit.errors import UnreadablePictureError

MOST, HEIGHT = 6, 190
"""Screenshots of a sheet, and most millimetres of each."""
NAME = "/screenshot-boxed.png"


def screens_sections(
    facts: CaseFacts, pictures: Pictures, album: Album, wording: Wording, level: int
) -> tuple[Section, ...]:
    """A section with the screenshots, or none when no page was captured with a browser."""
    blocks: list[Block] = []
    last = [(one.number, *_last(one, wording)) for one in facts.sightings]
    there = [one for one in last if one[1]]
    for number, path, time in there[:MOST]:
        blocks.append(Text(wording.say("capture.screen", n=number, time=time, path=path)))
        data = pictures.get(path)
        found = {} if data is None else {path: _cut(data)}
        shown = plate(path, "screenshot-boxed", found, album, wording, 1)
        blocks.append(Plates((shown,), plates_height((shown,), album, HEIGHT)))
    if len(there) > MOST:
        words = wording.say("capture.more_screens", shown=MOST, all=len(there), path=there[-1][1])
        blocks.append(Quiet(words))
    return (Section(wording.say("heading.screens"), tuple(blocks), level),) if blocks else ()


def _last(sighting: SightingFacts, wording: Wording) -> tuple[str, str]:
    for capture in reversed(sighting.captures):
        path = next((one for one in capture.files if one.endswith(NAME)), "")
        if path:
            return path, wording.time(capture.finished)
    return "", ""


def _cut(data: bytes) -> bytes:
    try:
        return cutting(data)
    except UnreadablePictureError:
        return data  # the plate says why it can't be shown
