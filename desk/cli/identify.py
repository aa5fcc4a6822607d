"""`exhibit identify`."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import made_folder, read_picture, write_file
from desk.cli.common.frame import Desk, examples, finish, open_desk
from desk.cli.common.options import TO_FILL, json_option, owner_option
from desk.cli.common.show import counted, echo_json, fields, moment, note, say, tracked
from exhibit.errors import ExhibitError, ExitCode, RefusedError, WrongUseError

if TYPE_CHECKING:
    from desk.schemas import works as schemas
    from registry import models
    from registry.matches import identify
    from registry.works import registration_proofs

STANDARD_INPUT = "-"
DRAWN = "Output folder for drawings of the comparison and proofs of registration."
SAID = {
    "certain": "Certain match: the pictures agree like a copy and its original.",
    "review": "Possible match: a person must review it.",
    "resembles": "Related picture: a person must review it.",
}


@dataclass(frozen=True, slots=True)
class _Result:
    """Result for one picture: its works with the files written for each, or the error."""

    image: str
    works: Sequence[tuple["identify.FoundWork", list[str]]] = ()
    answer: "identify.Identification | None" = None
    error: ExhibitError | None = None


@click.command(
    "identify",
    epilog=examples(
        "exhibit identify found.jpg",
        "exhibit identify screenshot.png poster.jpg --out proofs",
        "exhibit identify found.jpg --details",
        "exhibit identify https://shop.example/banner.jpg --json",
        "curl -s https://shop.example/banner.jpg | exhibit identify -",
    ),
)
@click.argument("images", metavar="PICTURES...", nargs=-1, required=True)
@owner_option
@click.option("--out", metavar="DIR", type=TO_FILL, help=DRAWN)
@click.option("--details", is_flag=True, help="Show measurements and log entries too.")
@json_option
def identify_command(
    *, images: tuple[str, ...], named: str | None, out: Path | None, details: bool, as_json: bool
) -> None:
    """Identify which of the owner's works each of PICTURES shows, completely or partly.

    PICTURES are files, - for standard input, or URLs, which are fetched if the operator's rules allow it. The output
    includes the file's metadata (EXIF, IPTC, XMP, C2PA), and whether it is a signed or marked copy that you exported.
    Nothing is stored.

    Exits with 0 if a work was found, 1 if none was, 2 if a picture cannot be read, 3 if a server does not respond.
    """
    if images.count(STANDARD_INPUT) > 1:
        raise WrongUseError("Standard input can be read only once.", hint="Enter - once.")
    desk = open_desk()
    of = desk.owner(named)
    results = [_identified(desk, of, image, out) for image in tracked(images, "Identifying")]
    if as_json:
        echo_json({"images": [_plain(answer) for answer in results]})
    else:
        _tell(desk, results, details=details)
    if errors := [answer.error for answer in results if answer.error is not None]:
        finish(max(error.exit_code for error in errors))
    if not any(answer.works for answer in results):
        finish(ExitCode.CHECK_FAILED)


def _identified(desk: Desk, of: "models.Owner", image: str, out: Path | None) -> _Result:
    from registry.matches import identify

    try:
        data = _read(desk, image)
        answer = identify.identify(desk.services, of, data)
        digest, works = answer.features.digest.hex, []
        for work in answer.works:
            folder = (out or Path()) / f"{_stem(image)}-{digest[:8]}-work-{work.work.number}"
            works.append((work, [] if out is None else _written(desk, work, data, folder)))
    except ExhibitError as error:
        return _Result(image, error=error)
    return _Result(image, works, answer)


def _read(desk: Desk, image: str) -> bytes:
    from registry.matches import identify

    most = desk.services.limits.max_bytes
    if image.lower().startswith(("http://", "https://")):
        return identify.fetch(desk.services, image)
    if image != STANDARD_INPUT:
        return read_picture(Path(image), most)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise RefusedError(f"Standard input is larger than {most:,} bytes.", reason="too-many-bytes")
    return data


def _stem(image: str) -> str:
    """A folder's name for what was named: plain letters, digits and dashes."""
    name = "standard-input" if image == STANDARD_INPUT else Path(image.partition("?")[0]).stem
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "picture"


def _written(desk: Desk, match: "identify.FoundWork", data: bytes, folder: Path) -> list[str]:
    """Write the drawings and the proofs of one work; returns their paths."""
    from indexer.draw import draw
    from registry.matches import identify
    from registry.works import registration_proofs

    pair = identify.make_pair(desk.services, match, data)
    files = {} if pair is None else {view.file_name: draw.draw(view, pair) for view in draw.View}
    files |= {
        f"registration/{name}": content
        for name, content in registration_proofs.make_proof_files(desk.services, match.work).items()
    }
    for name, content in files.items():
        write_file(made_folder((folder / name).parent) / Path(name).name, content)
    return [str(folder / name) for name in files]


def _plain(result: _Result) -> "schemas.IdentifiedFile | schemas.UnreadFile":
    from desk.schemas import works as schemas

    if result.answer is None:
        reason = result.error.reason if isinstance(result.error, RefusedError) else "failed"
        return schemas.UnreadFile(image=result.image, reason=reason, sentence=str(result.error))
    works = [schemas.ProvenWork.from_row(match, files=files) for match, files in result.works]
    return schemas.IdentifiedFile.from_row(result.answer, image=result.image, works=works)


def _tell(desk: Desk, results: Sequence[_Result], *, details: bool) -> None:
    from indexer.search import explanation as explaining

    for result in results:
        if result.error is not None:
            note(f"{result.image}: {result.error}")
    for place, (result, answer) in enumerate(
        [(result, result.answer) for result in results if result.answer is not None]
    ):
        if place:
            click.echo()
        if not result.works:
            say(f"{result.image}: no registered work found.")
        if answer.features.is_flat and not result.works:
            why = ", ".join(answer.features.flat_reasons)
            say(f"  The picture has too little detail ({why}): only nearly exact copies can be recognised.")
        if answer.features.info.incomplete:
            say(f"  {explaining.BREAKS_OFF}")
        for match, files in result.works:
            _tell_work(desk, result.image, match, files, details=details)
        _tell_copies(desk, answer)
        _tell_statement(answer)


def _tell_statement(answer: "identify.Identification") -> None:
    """Print the statements in a file, and its unreadable metadata."""
    from desk.texts import metadata_problems, ownership

    if rows := ownership.statement_rows(answer.said):
        say("  Statements in the file, not verified:")
        fields(*((f"    {name}", text) for name, text in rows))
    for sentence in metadata_problems.describe_problems(answer.said.metadata.problems):
        say(f"  {sentence}")


def _tell_work(desk: Desk, image: str, match: "identify.FoundWork", files: list[str], *, details: bool) -> None:
    from desk.texts import cases
    from registry.bundles import sentences

    work, verification = match.work, match.verification
    say(f"{image}: work {work.number}, {work.title}")
    say(f"  {verification.decision}: {SAID[verification.decision]}")
    every = sentences.measurement_templates(verification, match.calibration)
    lines = (sentence % values for sentence, values in every if details or sentence not in sentences.TECHNICAL)
    for sentence in filter(None, (*lines, cases.further_in_words(len(verification.further)))):
        say(f"  {sentence}")
    for remark in cases.remarks_of(verification.reasons):
        say(f"  {remark}")
    fields(
        ("  registered", moment(work.registered_at, desk.zone)),
        *(_logged(desk, match.log) if details else ()),
        ("  written", f"{commonpath(files)} ({counted(len(files), 'file')})" if files else ""),
    )


def _tell_copies(desk: Desk, answer: "identify.Identification") -> None:
    for copy in answer.copies:
        what = f"Identical to an exported copy of work {copy.work}, signed with the owner's key"
        if copy.recipient:
            by_chance = f"at most 1 in {1 / max(copy.chance, 1e-99):.0e} unmarked pictures matches by chance"
            what = f"Contains the invisible mark of the copy of work {copy.work} for {copy.recipient}; {by_chance}"
        say(f"  {what}.")
        key, made_at = f"{copy.key}{', revoked' if copy.revoked else ''}", moment(copy.log.submission.time, desk.zone)
        fields(("  key", key), ("  exported", made_at), *_logged(desk, copy.log))
    if answer.marks:
        say(f"  {counted(answer.marks, 'mark')} checked. A mark does not show the publisher; absence proves nothing.")


def _logged(desk: Desk, registration: "registration_proofs.Registration | None") -> Iterator[tuple[str, str]]:
    """Yield the log entry of an object and its timestamps."""
    if registration is None:
        yield "  log", "no entry"
    elif registration.entry is None:
        yield "  log", "waiting for a number, which workers or --out assign"
    elif registration.checkpoint is None:
        yield "  log", f"entry {registration.entry}, waiting for a signed checkpoint by workers or --out"
    else:
        yield "  log", f"entry {registration.entry}, in the checkpoint of {registration.checkpoint.size} entries"
    for witness in () if registration is None else registration.witnesses:
        status = f"existed no later than {moment(witness.time, desk.zone)}" if witness.time else "pending"
        yield (
            "  timestamp",
            f"{witness.name}: {status}{' (test service, no legal weight)' if witness.development else ''}",
        )
