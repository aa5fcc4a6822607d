"""Verification of an untrusted bundle (ZIP or unpacked folder), without network, server or clock.

Bad input results in a failed check or ``NoBundleError``, never in a traceback.
"""

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.bundle.manifest import FACTS_PATH
from evidence.facts.case import CaseFacts, OmittedFileFacts
from evidence.formats.codec import MAX_JSON_BYTES, FormatError
from evidence.formats.container import Contents, FolderContents, Member, NoBundleError, read_all
from evidence.formats.zipread import ZipContents, is_zip
from evidence.log.notes import MAX_NOTE, parse_note
from evidence.log.proofs import LATER_CHECKPOINT_PATH
from evidence.verdict.result import (
    Check,
    Line,
    State,
    Time,
    Verdict,
    fail_check,
    find_worst_state,
    pass_check,
    skip_check,
)
from evidence.verdict.trust import Trust, load_trust
from evidence.verify.checks import proofs
from evidence.verify.checks.anchors import check_timestamps
from evidence.verify.checks.case import check_case, read_facts
from evidence.verify.checks.contents import check_container, check_contents
from evidence.verify.checks.inspection import Inspection, describe_omission, inspect, list_log_proofs, measure_files
from evidence.verify.checks.lines import build_first_lines
from evidence.verify.checks.order import check_order
from evidence.verify.checks.regeneration import ContentGenerators
from evidence.verify.contradictions import BundleStatements, extract_statements
from evidence.verify.split_views import CheckpointView, find_split_views, list_views
from exhibit.errors import IntegrityError, InvalidRequestError


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifier of bundles against a trust list.

    Without ``generators``, drawings, sentences and the exhibit sheet are not regenerated for comparison.
    """

    trust: Trust = field(default_factory=load_trust)
    generators: ContentGenerators | None = None

    def verify(self, path: Path, display_name: str = "") -> Verdict:
        """Check a bundle and return the verdict.

        Args:
            path: The ZIP, or the folder into which it was unpacked.
            display_name: Name of the bundle in the verdict; defaults to the file name.

        Raises:
            NoBundleError: The path does not exist, or is neither a ZIP nor a folder with ``bagit.txt``.
        """
        name = display_name or path.name
        try:
            with open_bundle(path) as contents:
                return _check_all(name, contents, self.trust, self.generators)
        except FormatError as error:
            return Verdict(name, None, self.trust.dated, (fail_check("container", error.message),))


def _check_all(name: str, contents: Contents, trust: Trust, generators: ContentGenerators | None) -> Verdict:
    try:
        inspection = inspect(contents, trust)
    except FormatError as error:
        checks = [_check_container(contents, State.FAILED), fail_check("manifest", error.message)]
        return Verdict(name, None, trust.dated, tuple(checks))
    checks, times, views, lines, statements = _run_checks(name, inspection, generators)
    container_check = _check_container(contents, find_worst_state(check.state for check in checks), inspection)
    all_checks = (container_check, *checks)
    required_grades = trust.requirements.grades
    left_out = inspection.withheld_files
    return Verdict(
        name,
        inspection.seal_digest,
        trust.dated,
        all_checks,
        left_out,
        required_grades,
        times,
        views,
        statements,
        lines,
    )


def _run_checks(
    name: str, inspection: Inspection, generators: ContentGenerators | None
) -> tuple[list[Check], tuple[Time, ...], tuple[CheckpointView, ...], tuple[Line, ...], BundleStatements | None]:
    file_count = len(inspection.manifest.files)
    manifest_sentence = (
        f"Canonical JSON (RFC 8785) that lists {file_count} files; seal digest {inspection.seal_digest}."
    )
    checks = [pass_check("manifest", manifest_sentence), *check_contents(inspection)]
    facts, check = read_facts(inspection)
    log_checks = list(proofs.check_log(inspection, facts))
    is_continued = any((check.name, check.state) == ("consistency", State.PASSED) for check in log_checks)
    timestamp_checks = check_timestamps(
        inspection, facts, is_logged=proofs.is_logged(log_checks), is_continued=is_continued
    )
    seal = proofs.read_log_proof(inspection)[0] if proofs.is_logged(log_checks) else None
    order_check, times = check_order(inspection, facts, seal, timestamp_checks.receipt_checks)
    if facts is not None and check.state is State.PASSED:
        inspection = replace(inspection, omitted_files=facts.omitted_files)
        checks += [_build_omission_check(path, omitted_file) for path, omitted_file in facts.omitted_files.items()]
    checks += [check, *proofs.check_signature(inspection), *log_checks, *proofs.check_renewals(inspection)]
    checks += [*timestamp_checks.checks, order_check]
    checks += proofs.check_signers(inspection, timestamp_checks.log_time)
    if facts is not None and check.state is State.PASSED:
        checks += check_case(inspection, facts, generators)
    views = list_views(name, inspection, facts)
    checks += [fail_check("heads", view.sentence) for view in find_split_views(views)[:1]]
    statements = extract_statements(name, inspection, facts, {check.name: check.state for check in checks})
    return checks, times, views, build_first_lines(inspection, facts, checks), statements


def _build_omission_check(path: str, omitted_file: OmittedFileFacts) -> Check:
    reason = describe_omission(omitted_file)
    return skip_check(
        f"file:{path}", f"{reason[0].upper()}{reason[1:]}; its SHA-256 in facts.json is {omitted_file.digest}."
    )


def _check_container(contents: Contents, other_state: State, inspection: Inspection | None = None) -> Check:
    measurements, unreadable_files = (
        (inspection.measurements, inspection.unreadable_files) if inspection else measure_files(contents)
    )
    if unreadable_files:
        return fail_check("container", next(iter(unreadable_files.values())))
    members = [
        Member(name, item.size, item.crc, partial(contents.iterate_chunks, name)) for name, item in measurements.items()
    ]
    return check_container(contents, members, other_state=other_state)


def open_bundle(path: Path) -> AbstractContextManager[Contents]:
    """Open the files of a bundle as a context manager; raises ``NoBundleError`` as :meth:`Verifier.verify` does."""
    hint = "Use the ZIP as downloaded, or the folder that contains bagit.txt."
    try:
        if path.is_dir():
            if not (path / "bagit.txt").is_file():
                raise NoBundleError(f"{path.name} is a folder without bagit.txt.", hint=hint)
            return closing(FolderContents(path))
        if not is_zip(path):
            raise NoBundleError(f"{path.name} is not a ZIP.", hint=hint)
        return closing(ZipContents(path))
    except OSError as error:
        raise NoBundleError(f"{path.name} cannot be read: {error.strerror}.", hint=hint) from error


def list_checkpoints(path: Path) -> list[str]:
    """List the distinct signed notes in a bundle (ZIP or folder), or the single note in a file.

    Raises:
        InvalidRequestError: The path is neither a bundle nor a readable file.
        NoBundleError: The path cannot be opened as a bundle.
        FormatError: The facts cannot be read.
        IntegrityError: A checkpoint cannot be read.
    """
    try:
        if path.is_dir() or is_zip(path):
            with open_bundle(path) as contents:
                return list(dict.fromkeys(_list_bundle_notes(contents)))
        with path.open("rb") as file:
            data = file.read(MAX_NOTE + 1)
    except OSError as error:
        raise InvalidRequestError(f"{path} is neither a bundle nor a readable checkpoint.") from error
    return [_read_note(data, path.name)]


def _read_note(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8")
        parse_note(text)
    except (UnicodeDecodeError, IntegrityError) as error:
        raise IntegrityError(f"{name} is not a checkpoint (signed note).") from error
    return text


def _list_bundle_notes(contents: Contents) -> list[str]:
    names = [
        name for name in sorted(contents.names) if name == CHECKPOINT_PATH or LATER_CHECKPOINT_PATH.fullmatch(name)
    ]
    notes = [_read_note(read_all(contents, name, MAX_NOTE), name) for name in names]
    if FACTS_PATH in contents.names:
        facts = CaseFacts.from_json(read_all(contents, FACTS_PATH, MAX_JSON_BYTES))
        notes += [proof.checkpoint for _, proof in list_log_proofs(facts)]
    return notes
