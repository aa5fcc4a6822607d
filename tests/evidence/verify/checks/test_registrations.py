"""A registration counts by an entry about this picture, in a log that somebody vouches for."""

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from exhibit.entries import EntryType
from tests.assets.bundles import Scene, logged, resealed
from tests.assets.folder_log import FolderLogStore
from tests.evidence.verify.test_tampering import failures


def test_the_registration_of_another_picture_is_found_out(scene: Scene, tmp_path: Path) -> None:
    other = logged(scene.log, EntryType.REGISTRATION, {"picture": scene.sealed.seal.hex})
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=other))
    lie = resealed(scene, facts).write(tmp_path / "lie.zip")
    assert failures(Verifier(scene.trust).verify(lie)) == {"registration"}


def test_a_checkpoint_that_nobody_vouches_for_shows_no_registration(scene: Scene, tmp_path: Path) -> None:
    log = Log(FolderLogStore(tmp_path / "log"), KeySigner(Ed25519PrivateKey.generate()), "log.made-up.example")
    assert scene.facts.work.registration is not None
    forged = logged(log, EntryType.REGISTRATION, scene.facts.work.registration.opening)
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=forged))
    verdict = Verifier(scene.trust).verify(resealed(scene, facts).write(tmp_path / "lie.zip"))
    [check] = [check for check in verdict.checks if check.name == "registration"]
    assert check.state is State.NOT_CHECKED
    assert check.sentence.startswith("unknown witness")
