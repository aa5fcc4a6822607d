"""A bundle across a break of the log: what was logged under the old name is proven under the new one."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from desk.cli.evidence.trust import own_trust
from evidence.anchors.rfc3161.kind import Rfc3161Config
from evidence.log.append_only import BrokenHistoryError
from evidence.log.notes import parse_verifier_key, verify_note
from evidence.verdict.result import State
from evidence.verdict.trust import load_trust
from evidence.verify.checkpoints import checkpoints_in
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import WrongUseError
from registry.log.log import submit
from registry.models import AnchorReceipt, Bundle, LogCheckpoint, Owner, StepState
from tests.assets.rows import owner
from tests.assets.sealed import sealed, sealed_bundle
from workers.evidence.bundles import assemble
from workers.log import proofs
from workers.log.history import Compared, accept_head, check_against, new_origin
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def broken(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundle whose facts hold checkpoints of the old name, and whose seal lies under the new one."""
    studio: Owner = owner("studio")
    bundle = sealed_bundle(inline, studio)
    new_origin(inline.services, by="Ann", reason="restored", name="example.org/second")
    sign_checkpoint(inline.services)
    newest = LogCheckpoint.objects.get(origin="example.org/second")
    monkeypatch.setattr(proofs, "best_checkpoint", lambda _: newest)
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        assemble(inline.services, bundle, out)
    return path


def test_the_new_name_continues_what_the_old_one_had_and_the_verdict_says_so(inline: SyncRunner, broken: Path) -> None:
    checks = {check.name: check for check in Verifier(own_trust(inline.services, "")).verify(broken).checks}
    assert checks["checkpoint"].state is State.PASSED
    assert "example.org/second" in checks["checkpoint"].sentence
    assert checks["consistency"].state is State.PASSED
    assert "exhibit.localhost/log: the log's name before a break" in checks["consistency"].sentence
    assert checks["registration"].state is State.PASSED


def test_who_pins_the_new_name_alone_still_sees_the_registration_proven(inline: SyncRunner, broken: Path) -> None:
    trust = own_trust(inline.services, "")
    checks = {check.name: check for check in Verifier(replace(trust, logs=trust.logs[-1:])).verify(broken).checks}
    assert checks["registration"].state is State.PASSED
    checks = {check.name: check for check in Verifier(replace(trust, logs=())).verify(broken).checks}
    assert checks["checkpoint"].state is State.NOT_CHECKED


def test_after_a_lost_key_the_old_name_is_vouched_for_with_the_key_that_signed_under_it(inline: SyncRunner) -> None:
    sealed_bundle(inline, owner("studio"))
    old = inline.services.log.vkey()
    (inline.services.config.data_dir / "secrets" / "log.key").unlink()
    del inline.services._log_signer
    submit(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    with pytest.raises(BrokenHistoryError, match="isn't the one that signed before"):
        sign_checkpoint(inline.services)
    new_origin(inline.services, by="Ann", reason="The key was lost.", name="example.org/second")
    later = sign_checkpoint(inline.services)
    assert later is not None
    assert [one.vkey for one in own_trust(inline.services, "").logs] == [old, inline.services.log.vkey()]
    assert parse_verifier_key(old)[1] != parse_verifier_key(inline.services.log.vkey())[1]
    assert verify_note(later.note, inline.services.log.vkey()).size == later.size


def test_roots_are_written_without_what_else_their_file_says_and_named_when_they_cannot_be_read(
    inline: SyncRunner, tmp_path: Path
) -> None:
    [known, *_] = load_trust().authorities
    roots = tmp_path / "roots.pem"
    roots.write_text(f"# 根证书 of {known.name}\n{known.certificates[0]}", "utf-8")
    authority = Rfc3161Config(kind="rfc3161", name="ours", urls=("https://tsa.example/",), roots=roots)
    inline.services.config = replace(inline.services.config, anchors=(authority,))
    [written] = own_trust(inline.services, "").authorities
    assert written.roots == known.roots[:1]
    assert "根" not in written.certificates[0]
    for spoil, words in ((lambda: roots.write_bytes(b"\xff"), "holds no root"), (roots.unlink, "can't be read")):
        spoil()
        with pytest.raises(WrongUseError, match=words):
            own_trust(inline.services, "")


def test_a_bundle_is_held_against_the_log_with_every_checkpoint_in_it(inline: SyncRunner, broken: Path) -> None:
    assert len(checkpoints_in(broken)) >= 2
    outcomes = {one.outcome for one in check_against(inline.services, [broken])}
    assert outcomes == {Compared.CONTINUED, Compared.EARLIER_NAME}


def test_bundles_wait_while_nothing_is_signed_and_are_sealed_afterwards(inline: SyncRunner) -> None:
    studio = owner("studio")
    sealed_bundle(inline, studio)
    head = inline.services.config.data_dir / "log.head"
    head.unlink()
    with pytest.raises(AssertionError):  # it has a sentence
        sealed_bundle(inline, studio, 2)
    bundle = Bundle.objects.get(case__work__number=2)
    assert (bundle.state, bundle.attempts) == (StepState.TODO, 0)
    assert "log accept-head" in bundle.error
    accept_head(inline.services, by="Ann", reason="a test")
    Bundle.objects.update(not_before=None, error="")
    assert sealed(inline, bundle).state == StepState.DONE


def test_a_checkpoint_of_the_new_name_renews_one_of_the_old(inline: SyncRunner, broken: Path) -> None:
    assert broken.exists()
    old = LogCheckpoint.objects.exclude(origin="example.org/second").latest("size")
    for number in range(2):
        submit(EntryType.CASE, {"number": number})
    sequence_log(inline.services)
    later = sign_checkpoint(inline.services)
    assert later is not None
    digest = Digest.of(later.note.encode())
    AnchorReceipt.objects.create(kind="rfc3161", witness="w", digest=digest, checkpoint=later, state=StepState.DONE)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        aged = "UPDATE registry_logcheckpoint SET made_at = made_at - interval '10 years' WHERE id = %s"
        cursor.execute(aged, [old.pk])
        cursor.execute("SET session_replication_role = DEFAULT")
    old.refresh_from_db()
    assert proofs.renewal_of(old) == later
