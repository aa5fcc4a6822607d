"""Verification of an untrusted bundle (ZIP or unpacked folder), without network, server or clock.

Bad input gives a failed check or ``NoBundleError``, never a traceback.
"""

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.bundle.manifest import FACTS_PATH
from evidence.facts.case import CaseFacts, LeftOutFacts
from evidence.formats.codec import MAX_JSON_BYTES, FormatError
from evidence.formats.container import Contents, FolderContents, Member, NoBundleError, read_all
from evidence.formats.zipread import ZipContents, is_zip
from evidence.log.notes import MAX_NOTE, parse_note
from evidence.log.proofs import LATER_CHECKPOINT
from evidence.verdict.result import Check, Line, State, Time, Verdict, failed, not_checked, passed, worst
from evidence.verdict.trust import Trust, load_trust
from evidence.verify.checks import proofs
from evidence.verify.checks.anchors import check_witnesses
from evidence.verify.checks.case import check_case, read_facts
from evidence.verify.checks.contents import check_container, check_contents
from evidence.verify.checks.inspection import Inspection, inspect, log_proofs, measure, words_of
from evidence.verify.checks.lines import first_lines
from evidence.verify.checks.order import check_order
from evidence.verify.checks.remade import Makers
from evidence.verify.contradictions import Account, account_of
from evidence.verify.split_views import View, split_views, views_of
from exhibit.errors import IntegrityError, WrongUseError


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks bundles against a trust list.

    Without ``makers``, drawings, sentences and the sheet are not made again for comparison.
    """

    trust: Trust = field(default_factory=load_trust)
    makers: Makers | None = None

    def verify(self, path: Path, called: str = "") -> Verdict:
        """Check a bundle and return the verdict.

        Args:
            path: The ZIP, or the folder into which it was unpacked.
            called: Name of the bundle in the verdict; defaults to the file name.

        Raises:
            NoBundleError: Nothing is at the path, or neither a ZIP nor a folder with ``bagit.txt``.
        """
        name = called or path.name
        try:
            with opened(path) as contents:
                return _check_all(name, contents, self.trust, self.makers)
        except FormatError as error:
            return Verdict(name, None, self.trust.dated, (failed("container", error.message),))


def _check_all(name: str, contents: Contents, trust: Trust, makers: Makers | None) -> Verdict:
    try:
        inspection = inspect(contents, trust)
    except FormatError as error:
        checks = [_container(contents, State.FAILED), failed("manifest", error.message)]
        return Verdict(name, None, trust.dated, tuple(checks))
    checks, times, views, lines, account = _checks(name, inspection, makers)
    container = _container(contents, worst(check.state for check in checks), inspection)
    every = (container, *checks)
    required_grades = trust.requirements.grades
    left_out = inspection.left_out
    return Verdict(name, inspection.seal, trust.dated, every, left_out, required_grades, times, views, account, lines)


def _checks(
    name: str, inspection: Inspection, makers: Makers | None
) -> tuple[list[Check], tuple[Time, ...], tuple[View, ...], tuple[Line, ...], Account | None]:
    files = len(inspection.manifest.files)
    lists = f"Canonical JSON (RFC 8785) that lists {files} files; seal digest {inspection.seal}."
    checks = [passed("manifest", lists), *check_contents(inspection)]
    facts, check = read_facts(inspection)
    logged = list(proofs.check_log(inspection, facts))
    continued = any((check.name, check.state) == ("consistency", State.PASSED) for check in logged)
    timestamp_checks = check_witnesses(inspection, facts, is_logged=proofs.is_logged(logged), is_continued=continued)
    seal = proofs.read_log_proof(inspection)[0] if proofs.is_logged(logged) else None
    order, times = check_order(inspection, facts, seal, timestamp_checks.pairs)
    if facts is not None and check.state is State.PASSED:
        inspection = replace(inspection, absent=facts.omitted_files)
        checks += [_left_out(path, omitted_file) for path, omitted_file in facts.omitted_files.items()]
    checks += [check, *proofs.check_signature(inspection), *logged, *proofs.check_renewals(inspection)]
    checks += [*timestamp_checks.checks, order]
    checks += proofs.check_signers(inspection, timestamp_checks.logged)
    if facts is not None and check.state is State.PASSED:
        checks += check_case(inspection, facts, makers)
    views = views_of(name, inspection, facts)
    checks += [failed("heads", view.sentence) for view in split_views(views)[:1]]
    account = account_of(name, inspection, facts, {check.name: check.state for check in checks})
    return checks, times, views, first_lines(inspection, facts, checks), account


def _left_out(path: str, omitted_file: LeftOutFacts) -> Check:
    reason = words_of(omitted_file)
    return not_checked(
        f"file:{path}", f"{reason[0].upper()}{reason[1:]}; its SHA-256 in the facts is {omitted_file.digest}."
    )


def _container(contents: Contents, other_state: State, inspection: Inspection | None = None) -> Check:
    measurements, broken = (inspection.measurements, inspection.broken) if inspection else measure(contents)
    if broken:
        return failed("container", next(iter(broken.values())))
    members = [Member(name, item.size, item.crc, partial(contents.chunks, name)) for name, item in measurements.items()]
    return check_container(contents, members, other_state=other_state)


def opened(path: Path) -> AbstractContextManager[Contents]:
    """Open the files of a bundle as a context manager; raises ``NoBundleError`` as :meth:`Verifier.verify` does."""
    hint = "Give the ZIP as downloaded, or the folder that contains bagit.txt."
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


def checkpoints_in(path: Path) -> list[str]:
    """Return the signed notes in a bundle (ZIP or folder), or the single note in a file, each once.

    Raises:
        WrongUseError: The path is neither a bundle nor a readable file.
        NoBundleError: The path cannot be opened as a bundle.
        FormatError: The facts cannot be read.
        IntegrityError: A checkpoint cannot be read.
    """
    try:
        if path.is_dir() or is_zip(path):
            with opened(path) as contents:
                return list(dict.fromkeys(_of_bundle(contents)))
        with path.open("rb") as file:
            data = file.read(MAX_NOTE + 1)
    except OSError as error:
        raise WrongUseError(f"{path} is neither a bundle nor a readable checkpoint.") from error
    return [_note(data, path.name)]


def _note(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8")
        parse_note(text)
    except (UnicodeDecodeError, IntegrityError) as error:
        raise IntegrityError(f"{name} is not a checkpoint (signed note).") from error
    return text


def _of_bundle(contents: Contents) -> list[str]:
    names = [name for name in sorted(contents.names) if name == CHECKPOINT_PATH or LATER_CHECKPOINT.fullmatch(name)]
    notes = [_note(read_all(contents, name, MAX_NOTE), name) for name in names]
    if FACTS_PATH in contents.names:
        facts = CaseFacts.from_json(read_all(contents, FACTS_PATH, MAX_JSON_BYTES))
        notes += [proof.checkpoint for _, proof in log_proofs(facts)]
    return notes
