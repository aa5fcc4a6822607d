"""Generation of packages: the bundles of several cases as one ZIP, for a court or for the other side."""

import logging
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.db import transaction

from evidence.documents.case.sections import describe_pdf_contents
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, load_time_zone
from evidence.facts.case import TimestampFacts
from evidence.formats.container import MAX_ZIP_BYTES
from exhibit.clock import now
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.machine import describe_machine_fault
from exhibit.sentences import Sentence, concatenate_sentences
from registry.bundles import packages as packing
from registry.bundles.bundles import get_bundle_file_name, load_sealed_case, load_sealed_facts, write_bundle_zip
from registry.bundles.documents import LazyPictures, list_languages
from registry.bundles.file_removal import remove_unused_files
from registry.bundles.models import Bundle, Package
from registry.bundles.packages import Recipient
from registry.bundles.printable_copies import find_next_volume, make_volume
from registry.bundles.timestamp_status import load_timestamp_statuses
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.pictures.file_removal import are_all_stored
from registry.services.disk import NEARLY_FULL_MESSAGE, is_disk_full
from registry.services.services import Services

WORK_SECONDS = 10.0
"""Working time in seconds, after which a package is postponed to let other packages proceed."""

CONTENTS_NAME = "CONTENTS"
"""File name (stem) of the contents list in a package: each bundle, its digests, and its timestamps."""

SEAL_POLL_INTERVAL = timedelta(seconds=5)

MAX_PDF_ATTEMPTS = 2
"""Maximum number of attempts at one PDF. After that, the package is finished without it."""


def make_packages(services: Services, ids: Sequence[int]) -> None:
    """Build each pending package, bundle by bundle. A build that exceeds the working time continues in another task."""
    for pk in steps.claim(Package, ids, services.stale_after):
        package = Package.objects.select_related("owner").get(pk=pk)
        if is_disk_full(services):
            steps.hold_up(Package, [pk], NEARLY_FULL_MESSAGE)
            continue
        with steps.guard_processing(Package, [pk]):
            try:
                if _build_bundles(services, package):
                    steps.postpone_by_id(Package, pk, now() + SEAL_POLL_INTERVAL)
                elif not _finish_package(services, package):
                    _requeue_package(services, package)
            except InterruptedError:  # The time limit was reached, or the package was removed or restarted.
                _requeue_package(services, package)


def _requeue_package(services: Services, package: Package) -> None:
    """Continue the build in another task, unless another process has taken over the package."""
    if steps.postpone(package, None):
        services.enqueue(Package, [package.pk])


def _build_bundles(services: Services, package: Package) -> int:
    """Build the missing files of a package and return the number of bundles that are not sealed yet.

    Raises:
        InterruptedError: The working time is over, or another process has taken over the package.
    """
    bundles = list(package.bundles.select_related("case__owner", "case__work").order_by("case__number"))
    keys = {bundle.pk for bundle in bundles}
    outdated_files = [file for file in package.files if "bundle" in file and file["bundle"] not in keys]
    outdated_files += packing.list_printable_copies(package) if outdated_files else []
    current_files = [file for file in package.files if file not in outdated_files]
    package.files = [file for file in current_files if Digest.from_hex(file["digest"]) in services.blobs]
    if outdated_files:  # The package was requested again and has newer bundles.
        steps.filter_own_claim(package).update(files=package.files)
        remove_unused_files(services, outdated_files)
    if "of" not in package.progress:
        package.progress = {"of": len(bundles)}
        Package.objects.filter(pk=package.pk, state=StepState.RUNNING).update(progress=package.progress)
    finished_bundles = {file.get("bundle") for file in package.files}
    deadline = time.monotonic() + WORK_SECONDS
    unsealed_count = 0
    for bundle in bundles:
        if bundle.pk in finished_bundles:
            continue
        if time.monotonic() > deadline:
            raise InterruptedError
        if bundle.seal_digest is None:
            unsealed_count += 1
            if bundle.state == StepState.FAILED:  # The bundle will never be sealed.
                sentence = Sentence("Case %(number)s could not be sealed.", number=bundle.case.number)
                hint = Sentence("Decide the case again, then request the ZIP again.")
                raise InvalidRequestError(concatenate_sentences(sentence, bundle.error), hint=hint)
        else:
            _add_file(services, package, _write_bundle_file(services, package, bundle))
    if not unsealed_count:
        _build_pdfs(services, package, bundles, deadline)
    return unsealed_count


def _build_pdfs(services: Services, package: Package, bundles: Sequence[Bundle], deadline: float) -> None:
    """Build the missing PDFs. If one cannot be generated, all PDFs in its language are dropped from the package."""
    while volume := find_next_volume(services, package, len(bundles)):
        if time.monotonic() > deadline:
            raise InterruptedError
        if package.attempts > MAX_PDF_ATTEMPTS:
            _drop_language(services, package, volume.language, package.error)
            continue
        try:
            file = make_volume(services, package, bundles, volume, partial(_update_claim, package))
        except ExhibitError as error:
            if error.retry or describe_machine_fault(error):
                raise
            _drop_language(services, package, volume.language, str(error))
        else:
            _add_file(services, package, file)


def _drop_language(services: Services, package: Package, language: str, reason: str) -> None:
    """Remove all PDFs in a language from a package, and record and log the reason."""
    message = "Package %s of %s was created without a PDF in %s: %s"
    logging.getLogger(__name__).warning(message, package.number, package.owner.slug, language, reason)
    dropped_files = [file for file in packing.list_printable_copies(package) if file["language"] == language]
    package.files = [file for file in package.files if file not in dropped_files]
    package.progress = {**package.progress, "without": [*packing.list_skipped_languages(package), language]}
    if not _save_progress(package):
        raise InterruptedError
    remove_unused_files(services, dropped_files)


def _write_bundle_file(services: Services, package: Package, bundle: Bundle) -> StoredFile:
    """Write the ZIP of one bundle with its current timestamp receipts, and store it."""
    folder = services.config.data_dir / "packages" / str(package.pk)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as temporary:
        out = cast("BinaryIO", temporary)
        write_bundle_zip(services, bundle, out, without_originals=package.withholding_reason)
        out.flush()
        return _store_file(services, Path(out.name), get_bundle_file_name(bundle, package.bundle_suffix)) | {
            "bundle": bundle.pk
        }


def _store_file(services: Services, path: Path, name: str) -> StoredFile:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return {"name": name, "digest": services.blobs.put_file(path).hex, "size": path.stat().st_size, "crc": crc}


def _add_file(services: Services, package: Package, file: StoredFile) -> None:
    """Add a file to a package; raises ``InterruptedError`` if another process has taken over the package."""
    if packing.compute_size_with_file(services, package, file) > MAX_ZIP_BYTES:
        remove_unused_files(services, [file])
        sentence = Sentence("The bundles exceed 4 GiB in total.")
        raise InvalidRequestError(sentence, hint=Sentence("Select fewer cases."))
    package.files = [*package.files, file]
    with transaction.atomic():
        is_recorded = are_all_stored(services, [file]) and _save_progress(package)
    if not is_recorded:
        remove_unused_files(services, [file])
        raise InterruptedError


def _save_progress(package: Package) -> bool:
    """Save the progress and reset the attempts; return False if another process has taken over."""
    package.attempts = 1
    return _update_claim(package, files=package.files, progress=package.progress, attempts=package.attempts)


def _update_claim(package: Package, **columns: object) -> bool:
    """Update columns and the claim time; return False if another process has taken over the package.

    It also returns False after a purge, which empties ``progress`` because generated files may show the purged picture.
    """
    claimed_at, claim = now(), steps.filter_own_claim(package).filter(progress__has_key="of")
    if not claim.update(claimed_at=claimed_at, **columns):
        return False
    package.claimed_at = claimed_at
    return True


def _finish_package(services: Services, package: Package) -> bool:
    """Add the contents list and mark the package as finished; return False if it was removed or restarted meanwhile."""
    finished_at = now()
    folder = services.config.data_dir / "packages" / str(package.pk)
    files = list(package.files)
    for name, data in render_contents_files(services, package, finished_at):
        digest = services.blobs.put(data)
        files.append({"name": name, "digest": digest.hex, "size": len(data), "crc": zlib.crc32(data)})
    with transaction.atomic():
        claim = steps.filter_own_claim(package).select_for_update(no_key=True).filter(progress__has_key="of")
        is_finished = claim.exists() and are_all_stored(services, files)
        if is_finished:
            expires_at = finished_at + timedelta(days=services.config.package_days)
            claim.update(files=files, made_at=finished_at, expires_at=expires_at)
            steps.finish(Package, [package.pk])
    if is_finished:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        remove_unused_files(services, files)
    return is_finished


def render_contents_files(services: Services, package: Package, made_at: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of the contents list in each language. The first language has no suffix in the name."""
    bundles = list(package.bundles.select_related("case__work", "case__owner").order_by("case__number"))
    timestamps = {
        pk: [status.facts for status in statuses] for pk, statuses in load_timestamp_statuses(bundles).items()
    }
    files = {file["bundle"]: file for file in package.files if "bundle" in file}
    for index, language in enumerate(list_languages(services)):
        wording = Wording(load_phrases(language), load_time_zone(services.config.time_zone))
        lines = [*_format_contents_header(package, made_at, wording)]
        for bundle in bundles:
            document_lines = _describe_documents(services, package, bundle, wording)
            lines += ["", *_describe_bundle(bundle, files[bundle.pk], timestamps[bundle.pk], document_lines, wording)]
        lines += _list_pdfs(package, wording)
        lines += [
            "",
            wording.render("package.check"),
            wording.render("package.later"),
            wording.render("document.footer"),
        ]
        language_suffix = "" if index == 0 else f".{language}"
        yield f"{CONTENTS_NAME}{language_suffix}.txt", ("\n".join(lines) + "\n").encode()


def _format_contents_header(package: Package, made_at: datetime, wording: Wording) -> Iterator[str]:
    yield wording.render(f"package.{package.recipient}")
    yield ""
    values = {"time": wording.format_both_times(made_at), "by": package.requested_by, "owner": package.owner.name}
    yield wording.render("package.made", **values)
    if package.recipient == Recipient.OTHER_SIDE:
        phrase = "withheld" if package.reason else "withheld_silently"
        yield wording.render(f"package.{phrase}", reason=_to_single_line(package.reason))


def _list_pdfs(package: Package, wording: Wording) -> Iterator[str]:
    """List the PDFs next to the ZIP, if any."""
    pdfs = packing.list_printable_copies(package)
    if pdfs:
        yield from ("", wording.render("package.reading"))
    for file in pdfs:
        yield from _describe_file(file, wording)


def _describe_file(file: StoredFile, wording: Wording) -> Iterator[str]:
    yield "  " + wording.render("package.file", name=file["name"], size=f"{file['size']:,}")
    yield "  " + wording.render("package.sha256", digest=file["digest"])


def _describe_documents(services: Services, package: Package, bundle: Bundle, wording: Wording) -> list[str]:
    """Describe embedded content in the owner's PDFs. Return no lines for the other side, which gets no such PDFs."""
    if package.recipient == Recipient.OTHER_SIDE:
        return []
    work = load_sealed_facts(services, load_sealed_case(services, bundle)).work
    files = LazyPictures(
        {attachment.file: partial(services.blobs.get, attachment.digest) for attachment in work.attachments}
    )
    return describe_pdf_contents(work, files, wording)


def _describe_bundle(
    bundle: Bundle,
    file: StoredFile,
    timestamps: Sequence[TimestampFacts],
    document_lines: Sequence[str],
    wording: Wording,
) -> Iterator[str]:
    case = bundle.case
    assert bundle.seal_digest is not None
    assert bundle.sealed_at is not None
    yield wording.render(
        "report.case_heading",
        case=case.number,
        title=_to_single_line(case.work.title),
        party=_to_single_line(case.party),
    )
    yield from _describe_file(file, wording)
    yield "  " + wording.render(
        "package.seal", digest=bundle.seal_digest.hex, time=wording.format_time(bundle.sealed_at)
    )
    yield from (f"  {line}" for line in document_lines)
    for timestamp in timestamps:
        yield "  " + _describe_timestamp(timestamp, wording)
    if not timestamps:
        yield "  " + wording.render("package.no_timestamp")


def _describe_timestamp(timestamp: TimestampFacts, wording: Wording) -> str:
    sentence = wording.render("package.waiting", name=timestamp.name)
    if timestamp.time is not None:
        sentence = wording.render("package.complete", name=timestamp.name, time=wording.format_time(timestamp.time))
    return f"{sentence} {wording.render('package.development')}" if timestamp.development else sentence


def _to_single_line(text: str) -> str:
    """Convert third-party text to a single line without control characters, which a terminal would interpret."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
