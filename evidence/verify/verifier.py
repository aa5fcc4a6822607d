"""Checking a bundle: everything in it is doubted, and nothing is asked of any network, server or clock.

Works on the ZIP or on the unpacked folder. Bad input gives a failed check or ``NoBundleError``, never a trace.
"""

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from evidence.formats.codec import FormatError
from evidence.formats.container import Contents, FolderContents, Member, NoBundleError
from evidence.formats.zipread import ZipContents, is_zip
from evidence.verdict.result import Check, State, Time, Verdict, failed, passed, worst
from evidence.verdict.trust import Trust, load_trust
from evidence.verify.checks import proofs
from evidence.verify.checks.anchors import check_witnesses
from evidence.verify.checks.case import check_case, read_facts
from evidence.verify.checks.contents import check_container, check_contents
from evidence.verify.checks.inspection import Inspection, inspect, measure
from evidence.verify.checks.order import check_order, check_version
from evidence.verify.checks.remade import Makers
from evidence.verify.split_views import View, split_views, views_of


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks bundles by the same trust; without ``makers`` drawings, sentences and the sheet aren't made again."""

    trust: Trust = field(default_factory=load_trust)
    makers: Makers | None = None

    def verify(self, path: Path) -> Verdict:
        """Check a bundle: the ZIP, or the folder it was unpacked into.

        Raises ``NoBundleError`` when nothing is at the path, or neither a ZIP nor a folder with ``bagit.txt``.
        """
        try:
            with opened(path) as contents:
                return _check_all(path.name, contents, self.trust, self.makers)
        except FormatError as error:
            return Verdict(path.name, None, self.trust.dated, (failed("container", error.message),))


def _check_all(name: str, contents: Contents, trust: Trust, makers: Makers | None) -> Verdict:
    try:
        inspection = inspect(contents, trust)
    except FormatError as error:
        checks = [_container(contents, State.FAILED), failed("manifest", error.message)]
        return Verdict(name, None, trust.dated, tuple(checks))
    checks, times, views = _checks(name, inspection, makers)
    container = _container(contents, worst(check.state for check in checks), inspection)
    every = (container, *checks)
    return Verdict(name, inspection.seal, trust.dated, every, inspection.left_out, trust.asked.grades, times, views)


def _checks(
    name: str, inspection: Inspection, makers: Makers | None
) -> tuple[list[Check], tuple[Time, ...], tuple[View, ...]]:
    files = len(inspection.manifest.files)
    lists = f"Canonical JSON (RFC 8785) that lists {files} files; seal digest {inspection.seal}."
    checks = [passed("manifest", lists), *check_contents(inspection)]
    facts, check = read_facts(inspection)
    logged = list(proofs.check_log(inspection, facts))
    witnessed = check_witnesses(inspection, facts, is_logged=proofs.is_logged(logged))
    seal = proofs.read_log_proof(inspection)[0] if proofs.is_logged(logged) else None
    order, times = check_order(inspection, facts, seal, witnessed.pairs)
    checks += [check, *proofs.check_signature(inspection), *logged, *proofs.check_renewals(inspection)]
    checks += [*witnessed.checks, order, *check_version(inspection, facts, witnessed.checks)]
    checks += proofs.check_signers(inspection, witnessed.logged)
    if facts is not None and check.state is State.PASSED:
        checks += check_case(inspection, facts, makers)
    views = views_of(name, inspection, facts)
    checks += [failed("heads", view.sentence) for view in split_views(views)[:1]]
    return checks, times, views


def _container(contents: Contents, others: State, inspection: Inspection | None = None) -> Check:
    measured, broken = (inspection.measured, inspection.broken) if inspection else measure(contents)
    if broken:
        return failed("container", next(iter(broken.values())))
    members = [Member(name, item.size, item.crc, partial(contents.chunks, name)) for name, item in measured.items()]
    return check_container(contents, members, others=others)


def opened(path: Path) -> AbstractContextManager[Contents]:
    """The files of a bundle, while the block lasts; raises ``NoBundleError`` as :meth:`Verifier.verify` does."""
    hint = "Give the ZIP as it was downloaded, or the folder that holds bagit.txt."
    try:
        if path.is_dir():
            if not (path / "bagit.txt").is_file():
                raise NoBundleError(f"{path.name} is a folder without bagit.txt.", hint=hint)
            return closing(FolderContents(path))
        if not is_zip(path):
            raise NoBundleError(f"{path.name} isn't a ZIP.", hint=hint)
        return closing(ZipContents(path))
    except OSError as error:
        raise NoBundleError(f"{path.name} can't be read: {error.strerror}.", hint=hint) from error
