"""`exhibit identify`."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import CommandContext, exit_with, format_examples, open_command_context
from desk.cli.common.files import create_folder, read_picture, write_file
from desk.cli.common.options import OUTPUT_FOLDER, json_option, owner_option
from desk.cli.common.output import (
    echo_fields,
    echo_json,
    echo_note,
    echo_text,
    format_count,
    format_time,
    track_progress,
)
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError, RefusedError

if TYPE_CHECKING:
    from desk.schemas import works as schemas
    from registry import models
    from registry.matches import identify
    from registry.works import registration_proofs

STANDARD_INPUT = "-"
OUT_HELP = "Output folder for comparison drawings and proofs of registration."
DECISION_TEXTS = {
    "certain": "certain match. The pictures agree as closely as a copy and its original.",
    "review": "possible match. A person must review it.",
    "related": "related picture, but copying is not established. A person must review it.",
}


@dataclass(frozen=True, slots=True)
class _Result:
    """Result for one picture: its works with the files written for each, or the error."""

    image: str
    works: Sequence[tuple["identify.FoundWork", list[str]]] = ()
    identification: "identify.Identification | None" = None
    error: ExhibitError | None = None


@click.command(
    "identify",
    epilog=format_examples(
        "exhibit identify found.jpg",
        "exhibit identify screenshot.png poster.jpg --out proofs",
        "exhibit identify found.jpg --details",
        "exhibit identify https://shop.example/banner.jpg --json",
        "curl -s https://shop.example/banner.jpg | exhibit identify -",
    ),
)
@click.argument("images", metavar="PICTURES...", nargs=-1, required=True)
@owner_option
@click.option("--out", metavar="DIR", type=OUTPUT_FOLDER, help=OUT_HELP)
@click.option("--details", is_flag=True, help="Also show measurements and log entries.")
@json_option
def identify_command(
    *, images: tuple[str, ...], owner_name: str | None, out: Path | None, details: bool, as_json: bool
) -> None:
    """Identify which registered works of the owner each picture shows, completely or partly.

    PICTURES are files, URLs, or - for standard input. Exhibit fetches a URL only if the operator's rules allow it. The
    output includes the metadata in each file (EXIF, IPTC, XMP, C2PA), and shows whether the picture is a signed or
    watermarked copy that you exported. Exhibit does not store the pictures.

    Exits with 0 if a work was found, with 1 if no work was found, with 2 if a picture cannot be read, and with 3 if a
    server does not respond.
    """
    if images.count(STANDARD_INPUT) > 1:
        raise InvalidRequestError("Standard input can be read only once.", hint="Use - only once.")
    context = open_command_context()
    owner = context.get_owner(owner_name)
    results = [_identify_picture(context, owner, image, out) for image in track_progress(images, "Identifying")]
    if as_json:
        echo_json({"images": [_to_schema(result) for result in results]})
    else:
        _echo_results(context, results, details=details)
    if errors := [result.error for result in results if result.error is not None]:
        exit_with(max(error.exit_code for error in errors))
    if not any(result.works for result in results):
        exit_with(ExitCode.CHECK_FAILED)


def _identify_picture(context: CommandContext, owner: "models.Owner", image: str, out: Path | None) -> _Result:
    from registry.matches import identify

    try:
        data = _read_image(context, image)
        identification = identify.identify_picture(context.services, owner, data)
        digest, works = identification.features.digest.hex, []
        for work in identification.works:
            folder = (out or Path()) / f"{_make_folder_name(image)}-{digest[:8]}-work-{work.work.number}"
            works.append((work, [] if out is None else _write_proofs(context, work, data, folder)))
    except ExhibitError as error:
        return _Result(image, error=error)
    return _Result(image, works, identification)


def _read_image(context: CommandContext, image: str) -> bytes:
    from registry.matches import identify

    max_bytes = context.services.limits.max_bytes
    if image.lower().startswith(("http://", "https://")):
        return identify.fetch_picture(context.services, image)
    if image != STANDARD_INPUT:
        return read_picture(Path(image), max_bytes)
    data = sys.stdin.buffer.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise RefusedError(f"Standard input is larger than {max_bytes:,} bytes.", reason="too-many-bytes")
    return data


def _make_folder_name(image: str) -> str:
    """Return a folder name for an input: ASCII letters, digits and dashes."""
    name = "standard-input" if image == STANDARD_INPUT else Path(image.partition("?")[0]).stem
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "picture"


def _write_proofs(context: CommandContext, match: "identify.FoundWork", data: bytes, folder: Path) -> list[str]:
    """Write the drawings and proofs of a work, and return their paths."""
    from indexer.draw import draw
    from registry.matches import identify
    from registry.works import registration_proofs

    pair = identify.make_pair(context.services, match, data)
    files = {} if pair is None else {view.file_name: draw.draw(view, pair) for view in draw.View}
    files |= {
        f"registration/{name}": content
        for name, content in registration_proofs.make_proof_files(context.services, match.work).items()
    }
    for name, content in files.items():
        write_file(create_folder((folder / name).parent) / Path(name).name, content)
    return [str(folder / name) for name in files]


def _to_schema(result: _Result) -> "schemas.IdentifiedFile | schemas.UnreadFile":
    from desk.schemas import works as schemas

    if result.identification is None:
        reason = result.error.reason if isinstance(result.error, RefusedError) else "failed"
        return schemas.UnreadFile(image=result.image, reason=reason, sentence=str(result.error))
    works = [schemas.ProvenWork.from_row(match, files=files) for match, files in result.works]
    return schemas.IdentifiedFile.from_row(result.identification, image=result.image, works=works)


def _echo_results(context: CommandContext, results: Sequence[_Result], *, details: bool) -> None:
    from indexer.search import explanation as explaining

    for result in results:
        if result.error is not None:
            echo_note(f"{result.image}: {result.error}")
    for position, (result, identification) in enumerate(
        [(result, result.identification) for result in results if result.identification is not None]
    ):
        if position:
            click.echo()
        if not result.works:
            echo_text(f"{result.image}: no registered work found.")
        if identification.features.is_flat and not result.works:
            reasons = ", ".join(identification.features.flat_reasons)
            echo_text(f"  The picture has too little detail ({reasons}): only nearly exact copies can be recognised.")
        if identification.features.info.incomplete:
            echo_text(f"  {explaining.TRUNCATED_FILE}")
        for match, files in result.works:
            _echo_work(context, result.image, match, files, details=details)
        _echo_copies(context, identification)
        _echo_statement(identification)


def _echo_statement(identification: "identify.Identification") -> None:
    """Print the metadata and content credentials of a file, and the metadata that cannot be read."""
    from desk.texts import metadata_problems, ownership

    if rows := ownership.build_file_statement_rows(identification.file_statement):
        echo_text("  Unverified statements in the file:")
        echo_fields(*((f"    {name}", text) for name, text in rows))
    for sentence in metadata_problems.describe_problems(identification.file_statement.metadata.problems):
        echo_text(f"  {sentence}")


def _echo_work(
    context: CommandContext, image: str, match: "identify.FoundWork", files: list[str], *, details: bool
) -> None:
    from desk.texts import cases
    from registry.bundles import sentences

    work, verification = match.work, match.verification
    echo_text(f"{image}: work {work.number}, {work.title}")
    echo_text(f"  {verification.decision}: {DECISION_TEXTS[verification.decision]}")
    templates = sentences.build_measurement_templates(verification, match.calibration)
    lines = (
        sentence % values for sentence, values in templates if details or sentence not in sentences.TECHNICAL_SENTENCES
    )
    for sentence in filter(None, (*lines, cases.describe_further_occurrences(len(verification.further)))):
        echo_text(f"  {sentence}")
    for remark in cases.describe_remarks(verification.reasons):
        echo_text(f"  {remark}")
    echo_fields(
        ("  registered", format_time(work.registered_at, context.zone)),
        *(_list_log_fields(context, match.log) if details else ()),
        ("  written", f"{commonpath(files)} ({format_count(len(files), 'file')})" if files else ""),
    )


def _echo_copies(context: CommandContext, identification: "identify.Identification") -> None:
    for copy in identification.copies:
        text = f"Identical to an exported copy of work {copy.work}, signed with the owner's key"
        if copy.recipient:
            chance = f"at most 1 in {1 / max(copy.chance, 1e-99):.0e} other pictures matches by chance"
            text = f"Contains the watermark of the copy of work {copy.work} for {copy.recipient}; {chance}"
        echo_text(f"  {text}.")
        key, made_at = (
            f"{copy.key}{', revoked' if copy.revoked else ''}",
            format_time(copy.log.submission.time, context.zone),
        )
        echo_fields(("  key", key), ("  exported", made_at), *_list_log_fields(context, copy.log))
    if identification.marks:
        echo_text(
            f"  {format_count(identification.marks, 'watermark')} checked. A watermark does not show "
            "who published the picture; its absence proves nothing."
        )


def _list_log_fields(
    context: CommandContext, registration: "registration_proofs.Registration | None"
) -> Iterator[tuple[str, str]]:
    """Yield rows with the log entry of an object and its timestamps."""
    if registration is None:
        yield "  log", "no entry"
    elif registration.entry is None:
        yield "  log", "no entry number yet; workers or --out assign it"
    elif registration.checkpoint is None:
        yield "  log", f"entry {registration.entry}, not yet in a signed checkpoint; workers or --out sign one"
    else:
        yield "  log", f"entry {registration.entry}, in the checkpoint of {registration.checkpoint.size} entries"
    for timestamp in () if registration is None else registration.timestamps:
        status = f"existed no later than {format_time(timestamp.time, context.zone)}" if timestamp.time else "pending"
        yield (
            "  timestamp",
            f"{timestamp.name}: {status}{' (test service, no legal weight)' if timestamp.development else ''}",
        )
