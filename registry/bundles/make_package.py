"""Building of packages: the bundles of several cases as one ZIP, for a court or for the other side."""

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

from evidence.documents.case.sections import held_in_documents
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.facts.case import WitnessFacts
from evidence.formats.container import MAX_ZIP_BYTES
from exhibit.clock import now
from exhibit.digests import CHUNK, Digest
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.machine import machine_fault
from exhibit.sentences import Sentence, following
from registry.bundles import packages as packing
from registry.bundles.bundles import assemble, bundle_name, load_sealed_case, load_sealed_facts
from registry.bundles.documents import LazyPictures, languages_of
from registry.bundles.file_removal import remove_unused
from registry.bundles.models import Bundle, Package
from registry.bundles.packages import Recipient
from registry.bundles.printable_copies import make_volume, next_volume
from registry.bundles.timestamp_status import timestamp_statuses
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.pictures.file_removal import are_all_stored
from registry.services.disk import NEARLY_FULL, disk_is_full
from registry.services.services import Services

WORK_SECONDS = 10.0
"""Working time after which a package is postponed, once the current bundle is finished, to let other files proceed."""

CONTENTS = "CONTENTS"
"""Name of the list in a package: each bundle, its digests, and the timestamp services that had answered."""

WAIT_FOR_SEAL = timedelta(seconds=5)

TRIES = 2
"""Attempts at one PDF. If the ZIP is claimed more often without progress, it goes without the PDF."""


def make_packages(services: Services, ids: Sequence[int]) -> None:
    """Build each pending package, bundle by bundle. Long builds continue in a further message."""
    for pk in steps.claim(Package, ids, services.stale_after):
        package = Package.objects.select_related("owner").get(pk=pk)
        if disk_is_full(services):
            steps.hold_up(Package, [pk], NEARLY_FULL)
            continue
        with steps.processing(Package, [pk]):
            try:
                if _build_bundles(services, package):
                    steps.wait(Package, pk, now() + WAIT_FOR_SEAL)
                elif not _finish(services, package):
                    _postpone(services, package)
            except InterruptedError:  # The time is up, or the package was removed or restarted in the meantime.
                _postpone(services, package)


def _postpone(services: Services, package: Package) -> None:
    """Continue in another message, unless another process has taken over the package."""
    if steps.postpone(package, None):
        services.enqueue(Package, [package.pk])


def _build_bundles(services: Services, package: Package) -> int:
    """Build the missing bundles and return the number of those that are not sealed yet.

    Raises:
        InterruptedError: The working time is up; continue later.
    """
    bundles = list(package.bundles.select_related("case__owner", "case__work").order_by("case__number"))
    keys = {bundle.pk for bundle in bundles}
    outdated_files = [file for file in package.files if "bundle" in file and file["bundle"] not in keys]
    outdated_files += packing.reading_copies(package) if outdated_files else []
    current_files = [file for file in package.files if file not in outdated_files]
    package.files = [file for file in current_files if Digest.from_hex(file["digest"]) in services.blobs]
    if outdated_files:  # The package was requested again with newer bundles.
        steps.own_claim(package).update(files=package.files)
        remove_unused(services, outdated_files)
    if "of" not in package.progress:
        package.progress = {"of": len(bundles)}
        Package.objects.filter(pk=package.pk, state=StepState.DOING).update(progress=package.progress)
    finished = {file.get("bundle") for file in package.files}
    deadline = time.monotonic() + WORK_SECONDS
    unsealed = 0
    for bundle in bundles:
        if bundle.pk in finished:
            continue
        if time.monotonic() > deadline:
            raise InterruptedError
        if bundle.seal_digest is None:
            unsealed += 1
            if bundle.state == StepState.FAILED:  # The bundle will never be sealed.
                why = Sentence("Case %(number)s could not be sealed.", number=bundle.case.number)
                hint = Sentence("Decide the case again, then request the ZIP again.")
                raise WrongUseError(following(why, bundle.error), hint=hint)
        else:
            _add(services, package, _bundle_file(services, package, bundle))
    if not unsealed:
        _build_pdfs(services, package, bundles, deadline)
    return unsealed


def _build_pdfs(services: Services, package: Package, bundles: Sequence[Bundle], deadline: float) -> None:
    """Build the missing PDFs. A language in which one cannot be made is dropped from the package."""
    while volume := next_volume(services, package, len(bundles)):
        if time.monotonic() > deadline:
            raise InterruptedError
        if package.attempts > TRIES:
            _drop_language(services, package, volume.language, package.error)
            continue
        try:
            file = make_volume(services, package, bundles, volume, partial(_update_claim, package))
        except ExhibitError as error:
            if error.retry or machine_fault(error):
                raise
            _drop_language(services, package, volume.language, str(error))
        else:
            _add(services, package, file)


def _drop_language(services: Services, package: Package, language: str, why: str) -> None:
    """Drop all PDFs of a language from a package and record this."""
    message = "Package %s of %s goes without a PDF in %s: %s"
    logging.getLogger(__name__).warning(message, package.number, package.owner.slug, language, why)
    dropped = [file for file in packing.reading_copies(package) if file["language"] == language]
    package.files = [file for file in package.files if file not in dropped]
    package.progress = {**package.progress, "without": [*packing.skipped_languages(package), language]}
    if not _save_progress(package):
        raise InterruptedError
    remove_unused(services, dropped)


def _bundle_file(services: Services, package: Package, bundle: Bundle) -> StoredFile:
    """Write one bundle with its current receipts, in chunks, and store it."""
    folder = services.config.data_dir / "packages" / str(package.pk)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as temporary:
        out = cast("BinaryIO", temporary)
        assemble(services, bundle, out, without_originals=package.withholding)
        out.flush()
        return _store_file(services, Path(out.name), bundle_name(bundle, package.bundle_ending)) | {"bundle": bundle.pk}


def _store_file(services: Services, path: Path, name: str) -> StoredFile:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            crc = zlib.crc32(piece, crc)
    return {"name": name, "digest": services.blobs.put_file(path).hex, "size": path.stat().st_size, "crc": crc}


def _add(services: Services, package: Package, file: StoredFile) -> None:
    """Add a file to a package that this process still holds."""
    if packing.size_including(services, package, file) > MAX_ZIP_BYTES:
        remove_unused(services, [file])
        sentence = Sentence("The bundles exceed 4 GiB in total.")
        raise WrongUseError(sentence, hint=Sentence("Select fewer cases."))
    package.files = [*package.files, file]
    with transaction.atomic():
        recorded = are_all_stored(services, [file]) and _save_progress(package)
    if not recorded:
        remove_unused(services, [file])
        raise InterruptedError


def _save_progress(package: Package) -> bool:
    """Save the progress and reset the attempts; return False if another process has taken over."""
    package.attempts = 1
    return _update_claim(package, files=package.files, progress=package.progress, attempts=package.attempts)


def _update_claim(package: Package, **columns: object) -> bool:
    """Update these columns and the claim time; return False if another process has taken over.

    A purge empties ``progress``, because the files made so far may contain what was purged.
    """
    moment, claim = now(), steps.own_claim(package).filter(progress__has_key="of")
    if not claim.update(claimed_at=moment, **columns):
        return False
    package.claimed_at = moment
    return True


def _finish(services: Services, package: Package) -> bool:
    """Add the contents list and mark the package as made; return False if it was removed or restarted meanwhile."""
    moment = now()
    folder = services.config.data_dir / "packages" / str(package.pk)
    files = list(package.files)
    for name, data in contents_files(services, package, moment):
        digest = services.blobs.put(data)
        files.append({"name": name, "digest": digest.hex, "size": len(data), "crc": zlib.crc32(data)})
    with transaction.atomic():
        claim = steps.own_claim(package).select_for_update(no_key=True).filter(progress__has_key="of")
        done = claim.exists() and are_all_stored(services, files)
        if done:
            until = moment + timedelta(days=services.config.package_days)
            claim.update(files=files, made_at=moment, expires_at=until)
            steps.finish(Package, [package.pk])
    if done:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        remove_unused(services, files)
    return done


def contents_files(services: Services, package: Package, made_at: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of the contents list in each language. The first one's name has no language suffix."""
    bundles = list(package.bundles.select_related("case__work", "case__owner").order_by("case__number"))
    answers = {
        pk: [bundle.facts for bundle in bundle_answers] for pk, bundle_answers in timestamp_statuses(bundles).items()
    }
    files = {file["bundle"]: file for file in package.files if "bundle" in file}
    for index, language in enumerate(languages_of(services)):
        wording = Wording(load_phrases(language), zone_named(services.config.time_zone))
        lines = [*_contents_header(package, made_at, wording)]
        for bundle in bundles:
            document_lines = _describe_documents(services, package, bundle, wording)
            lines += ["", *_describe_bundle(bundle, files[bundle.pk], answers[bundle.pk], document_lines, wording)]
        lines += _list_pdfs(package, wording)
        lines += ["", wording.say("package.check"), wording.say("package.later"), wording.say("document.footer")]
        ending = "" if index == 0 else f".{language}"
        yield f"{CONTENTS}{ending}.txt", ("\n".join(lines) + "\n").encode()


def _contents_header(package: Package, made_at: datetime, wording: Wording) -> Iterator[str]:
    yield wording.say(f"package.{package.recipient}")
    yield ""
    values = {"time": wording.both_times(made_at), "by": package.asked_by, "owner": package.owner.name}
    yield wording.say("package.made", **values)
    if package.recipient == Recipient.OTHER_SIDE:
        phrase = "withheld" if package.reason else "withheld_silently"
        yield wording.say(f"package.{phrase}", reason=_single_line(package.reason))


def _list_pdfs(package: Package, wording: Wording) -> Iterator[str]:
    """List the PDFs next to the ZIP, if any."""
    pdfs = packing.reading_copies(package)
    if pdfs:
        yield from ("", wording.say("package.reading"))
    for file in pdfs:
        yield from _describe_file(file, wording)


def _describe_file(file: StoredFile, wording: Wording) -> Iterator[str]:
    yield "  " + wording.say("package.file", name=file["name"], size=f"{file['size']:,}")
    yield "  " + wording.say("package.sha256", digest=file["digest"])


def _describe_documents(services: Services, package: Package, bundle: Bundle, wording: Wording) -> list[str]:
    """Describe the owner's PDFs that contain more than pages. Packages for the other side contain none of them."""
    if package.recipient == Recipient.OTHER_SIDE:
        return []
    work = load_sealed_facts(services, load_sealed_case(services, bundle)).work
    files = LazyPictures(
        {attachment.file: partial(services.blobs.get, attachment.digest) for attachment in work.attachments}
    )
    return held_in_documents(work, files, wording)


def _describe_bundle(
    bundle: Bundle,
    file: StoredFile,
    timestamps: Sequence[WitnessFacts],
    document_lines: Sequence[str],
    wording: Wording,
) -> Iterator[str]:
    case = bundle.case
    assert bundle.seal_digest is not None
    assert bundle.sealed_at is not None
    yield wording.say(
        "report.case_heading", case=case.number, title=_single_line(case.work.title), party=_single_line(case.party)
    )
    yield from _describe_file(file, wording)
    yield "  " + wording.say("package.seal", digest=bundle.seal_digest.hex, time=wording.time(bundle.sealed_at))
    yield from (f"  {line}" for line in document_lines)
    for timestamp in timestamps:
        yield "  " + _describe_timestamp(timestamp, wording)
    if not timestamps:
        yield "  " + wording.say("package.no_witness")


def _describe_timestamp(timestamp: WitnessFacts, wording: Wording) -> str:
    sentence = wording.say("package.waiting", name=timestamp.name)
    if timestamp.time is not None:
        sentence = wording.say("package.complete", name=timestamp.name, time=wording.time(timestamp.time))
    return f"{sentence} {wording.say('package.development')}" if timestamp.development else sentence


def _single_line(text: str) -> str:
    """Put third-party text on one line, without control characters that a terminal would interpret."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
