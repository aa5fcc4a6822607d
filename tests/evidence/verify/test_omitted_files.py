"""Test that only files omitted at sealing may be missing, and that each is listed with the reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.sealing import check_omitted_files
from evidence.facts.case import AbsenceCode, OmittedFileFacts
from evidence.formats.codec import FormatError
from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from tests.assets.bundles import Scene, reseal
from tests.assets.left_out_files import KINDS, SINCE, leave_out
from tests.assets.tampering import read_files

WORDS = {
    AbsenceCode.REPORTED: "Not in this bundle: reported as illegal on 2026-11-20; its SHA-256 in facts.json is ",
    AbsenceCode.PURGED: "Not in this bundle: removed by the operator on 2026-11-20; its SHA-256 in facts.json is ",
    AbsenceCode.EXPIRED: "Not in this bundle: the retention period had ended on 2026-11-20; ",
    AbsenceCode.REMOVED: "Not in this bundle: removed by the owner on 2026-11-20; ",
    AbsenceCode.NEVER: "Not in this bundle: it was never stored on 2026-11-20; ",
    AbsenceCode.LOST: "Not in this bundle: it was missing when the bundle was sealed, and no removal is recorded",
}


@pytest.mark.parametrize("role", KINDS)
def test_omitted_file_is_reported_with_reason_and_fails_nothing(scene: Scene, tmp_path: Path, role: str) -> None:
    scene_without = leave_out(scene, role)
    path = scene_without.write(tmp_path / "bundle.zip")
    (absence,) = scene_without.facts.left_out
    assert absence.file not in read_files(path)
    verdict = Verifier(scene.trust).verify(path)
    assert not verdict.failures
    check = next(check for check in verdict.checks if check.name == f"file:{absence.file}")
    assert check.state is State.NOT_CHECKED
    assert check.sentence == f"{WORDS[AbsenceCode.REPORTED]}{absence.digest}."
    assert "1 file is not" in verdict.sentence


@pytest.mark.parametrize("why", AbsenceCode)
def test_each_reason_has_a_text(scene: Scene, tmp_path: Path, why: AbsenceCode) -> None:
    scene_without = leave_out(scene, "page", reason=why)
    verdict = Verifier(scene.trust).verify(scene_without.write(tmp_path / "bundle.zip"))
    assert [check.sentence for check in verdict.checks if check.sentence.startswith(WORDS[why])]


def test_match_with_omitted_picture_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    verdict = Verifier(scene.trust).verify(leave_out(scene, "sighting-picture").write(tmp_path / "bundle.zip"))
    states = {grade.name: grade.state for grade in verdict.grades}
    assert (states["match"], states["bytes"]) == (State.NOT_CHECKED, State.PASSED)


def test_only_listed_unsealed_files_may_be_omitted(scene: Scene) -> None:
    page = next(file for file in scene.sealed_case.manifest.files if file.role == "page")
    absence = OmittedFileFacts(page.path, "page", page.sha256, AbsenceCode.PURGED, SINCE)
    other = replace(absence, file="data/facts.json")
    picture = replace(absence, file=scene.facts.work.pictures[0].file, digest=Digest.from_bytes(b"another"))
    for rows, files in (((absence,), {page.path}), ((absence, absence), ()), ((other,), ()), ((picture,), ())):
        with pytest.raises(FormatError):
            check_omitted_files(replace(scene.facts, left_out=rows), files)
    with pytest.raises(FormatError):
        reseal(scene, replace(scene.facts, left_out=(other,)))
    check_omitted_files(replace(scene.facts, left_out=(absence,)), ())
