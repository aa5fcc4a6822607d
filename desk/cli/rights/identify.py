"""Which registered work a picture shows: a file, standard input or an address on the web."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.command import TO_FILL, AsJson, OwnerName, command
from desk.cli.common.files import made_folder, read_picture, write_file
from desk.cli.common.frame import Desk, finish, open_desk
from desk.cli.common.show import counted, echo_json, fields, moment, note, say, tracked
from exhibit.errors import ExhibitError, ExitCode, RefusedError, WrongUseError

if TYPE_CHECKING:
    from desk.schemas.works import IdentifiedFile, ProvenWork, UnreadFile
    from registry.models import Owner
    from workers.matching.identify import FoundWork
    from workers.pictures.provenance import FileStatement
    from workers.works.registrations import Registration

STANDARD_INPUT = "-"
DRAWN = "Write drawings of the comparison, and the proofs of the registration; made if missing."
SAID = {
    "certain": "They agree as a copy and its original do.",
    "review": "They may be copy and original; a person has to look.",
    "derived": "No copy was found, but parts of its structure survive.",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A work with everything that is told of it."""

    found: "FoundWork"
    sentences: tuple[str, ...]
    registration: "Registration | None"
    folder: Path
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one picture: its works, or why there is no answer."""

    image: str
    digest: str = ""
    works: tuple[_Found, ...] = ()
    too_plain: tuple[str, ...] = ()
    said: "FileStatement | None" = None
    error: ExhibitError | None = None


@command(
    "identify",
    "exhibit identify found.jpg",
    "exhibit identify screenshot.png poster.jpg --out proofs",
    "exhibit identify https://shop.example/banner.jpg --json",
    "curl -s https://shop.example/banner.jpg | exhibit identify -",
)
@click.argument("images", nargs=-1, required=True)
@click.option("--out", metavar="DIR", type=TO_FILL, help=DRAWN)
def identify_command(*, images: tuple[str, ...], owner: OwnerName, out: Path | None, as_json: AsJson) -> None:
    """Say which of the owner's works each of IMAGES shows, whole or in part.

    An image is a file, - for standard input, or an http(s) address, which is fetched if the operator's rules permit
    it. What the file says of itself (EXIF, IPTC, XMP, C2PA) is told, too. Nothing of it is stored. Ends
    with 0 when a work was found, 1 when none was, 2 when an image can't be read, 3 when a server can't
    be reached; the others are answered all the same.
    """
    if images.count(STANDARD_INPUT) > 1:
        raise WrongUseError("Standard input can be read once only.")
    desk = open_desk()
    of = desk.owner(owner)
    results = [_identified(desk, of, image, out) for image in tracked(images, "Identifying")]
    if as_json:
        echo_json({"images": [_plain(answer) for answer in results]})
    else:
        _tell(desk, results)
    if errors := [answer.error for answer in results if answer.error is not None]:
        finish(max(error.exit_code for error in errors))
    if not any(answer.works for answer in results):
        finish(ExitCode.CHECK_FAILED)


def _identified(desk: Desk, of: "Owner", image: str, out: Path | None) -> _Result:
    from workers.matching.identify import identify
    from workers.texts.sentences import words_of
    from workers.works.registrations import registration_of

    try:
        data = _read(desk, image)
        answer = identify(desk.services, of, data)
        digest, works = answer.features.digest.hex, []
        for work in answer.works:
            folder = (out or Path()) / f"{_stem(image)}-{digest[:8]}-work-{work.work.number}"
            files = () if out is None else _written(desk, work, data, folder)
            sentences = words_of(work.verification, work.calibration)
            works.append(_Found(work, sentences, registration_of(work.work), folder, files))
    except ExhibitError as error:
        return _Result(image, error=error)
    return _Result(image, digest, tuple(works), answer.features.too_plain, answer.said)


def _read(desk: Desk, image: str) -> bytes:
    most = desk.services.limits.max_bytes
    if image.lower().startswith(("http://", "https://")):
        from workers.matching.identify import fetch

        return fetch(desk.services, image)
    if image != STANDARD_INPUT:
        return read_picture(Path(image), most)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise RefusedError(f"Standard input has more than {most:,} bytes.", reason="too-many-bytes")
    return data


def _stem(image: str) -> str:
    """A folder's name for what was named: plain letters, digits and dashes."""
    name = "standard-input" if image == STANDARD_INPUT else Path(image.partition("?")[0]).stem
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "picture"


def _written(desk: Desk, found: "FoundWork", data: bytes, folder: Path) -> tuple[str, ...]:
    """Write the drawings and the proofs of one work; returns their paths."""
    from indexer.draw.draw import View, draw
    from workers.matching.identify import pair_of
    from workers.works.registrations import proof_files

    pair = pair_of(desk.services, found, data)
    files = {} if pair is None else {view.file_name: draw(view, pair) for view in View}
    files |= {f"registration/{name}": content for name, content in proof_files(desk.services, found.work).items()}
    for name, content in files.items():
        write_file(made_folder((folder / name).parent) / Path(name).name, content)
    return tuple(str(folder / name) for name in files)


def _plain(result: _Result) -> "IdentifiedFile | UnreadFile":
    from desk.schemas.evidence import FileStatement
    from desk.schemas.works import IdentifiedFile, UnreadFile

    if result.said is None:
        reason = result.error.reason if isinstance(result.error, RefusedError) else "failed"
        return UnreadFile(image=result.image, reason=reason, sentence=str(result.error))
    return IdentifiedFile.from_row(
        result, works=[_told(found) for found in result.works], said=FileStatement.of(result.said)
    )


def _told(work: _Found) -> "ProvenWork":
    from desk.schemas.works import ProvenWork

    return ProvenWork.of(work.found, work.registration, files=list(work.files))


def _tell(desk: Desk, results: Sequence[_Result]) -> None:
    from desk.texts.ownership import statement_rows

    for one in results:
        if one.error is not None:
            note(f"{one.image}: {one.error}")
    for place, one in enumerate([answer for answer in results if answer.error is None]):
        if place:
            click.echo()
        if not one.works:
            say(f"{one.image}: no registered work was found in it.")
        if one.too_plain and not one.works:
            why = ", ".join(one.too_plain)
            say(f"  It is too plain to be told apart ({why}): only exact copies are recognised.")
        for found in one.works:
            _tell_work(desk, one.image, found)
        if one.said is not None and (stated := statement_rows(one.said)):
            say("  The file says of itself, and nobody has examined it:")
            fields(*((f"    {name}", text) for name, text in stated))


def _tell_work(desk: Desk, image: str, one: _Found) -> None:
    from desk.texts.cases import further_in_words, remarks_of

    work, verification = one.found.work, one.found.verification
    say(f"{image}: work {work.number}, {work.title}")
    say(f"  {verification.decision}: {SAID[verification.decision]}")
    for sentence in filter(None, (*one.sentences, further_in_words(len(verification.further)))):
        say(f"  {sentence}")
    for remark in remarks_of(verification.reasons):
        say(f"  {remark}")
    fields(
        ("  registered", moment(work.registered_at, desk.zone)),
        *(("  log", text) for text in _log(one.registration)),
        *(("  witness", text) for text in _witnesses(desk, one.registration)),
        ("  written", f"{one.folder} ({counted(len(one.files), 'file')})" if one.files else ""),
    )


def _log(registration: "Registration | None") -> Iterator[str]:
    if registration is None:
        yield "no entry"
    elif registration.entry is None:
        yield "waits for its number; workers give it, or --out"
    elif registration.checkpoint is None:
        yield f"entry {registration.entry}, not yet under a signed checkpoint; workers sign one, or --out"
    else:
        yield f"entry {registration.entry}, under the checkpoint of {registration.checkpoint.size} entries"


def _witnesses(desk: Desk, registration: "Registration | None") -> Iterator[str]:
    for one in () if registration is None else registration.witnesses:
        said = f"existed no later than {moment(one.time, desk.zone)}" if one.time else "hasn't answered completely yet"
        yield f"{one.name}: {said}{' (for trials, without legal weight)' if one.development else ''}"
