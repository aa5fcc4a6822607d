"""Test that a work's deposit record verifies like any other bundle, and contains only recorded facts."""

import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest

from desk.cli.trust import build_own_trust
from evidence.bundle.bag import compute_checkpoint_digest
from evidence.bundle.manifest import FACTS_PATH
from evidence.facts.case import CaseFacts
from evidence.verdict.result import State
from evidence.verify.verifier import Verifier
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from registry.bundles.deposits import get_deposit_file_stem, load_record_files, make_deposit, write_deposit_zip
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from registry.log import proofs
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, BytesState, Deposit, LogCheckpoint, LogOpening, Work
from registry.retention.purge import purge_picture
from registry.works.declarations import edit_work
from registry.works.public_works import publish_work, unpublish_work
from registry.works.registration import make_registration_opening
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

PICTURE = photograph(1)


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    return register(inline.services, owner("studio"), PICTURE, title="Autumn hills").work


def write_deposit(inline: SyncRunner, deposit: Deposit, folder: Path) -> Path:
    path = folder / f"{get_deposit_file_stem(deposit)}.zip"
    with path.open("wb") as file:
        write_deposit_zip(inline.services, deposit, file)
    return path


def test_deposit_passes_all_checks_that_need_no_trust_list(inline: SyncRunner, work: Work, tmp_path: Path) -> None:
    path = write_deposit(inline, make_deposit(inline.services, work, by="Ann"), tmp_path)
    verdict = Verifier(generators=CONTENT_GENERATORS).verify(path)
    assert [check for check in verdict.checks if check.state is State.FAILED] == []
    passed = {check.name for check in verdict.checks if check.state is State.PASSED}
    assert {
        "container",
        "manifest",
        "files",
        "bag",
        "facts",
        "signature",
        "entry",
        "inclusion",
    } <= passed
    assert {"file:data/deposit-record.pdf", "sheet"} <= passed


@pytest.mark.long
def test_added_picture_without_log_entry_is_not_checked(inline: SyncRunner, work: Work, tmp_path: Path) -> None:
    more = [register(inline.services, owner(f"other-{seed}"), photograph(seed)).work.pictures.get() for seed in (2, 3)]
    # The declaration may change later; these fields may not
    names = (
        "owner",
        "owner_name",
        "picture",
        "work",
    )
    opening = make_registration_opening(work, more[0].digest)
    submit_entry(EntryType.REGISTRATION, {name: opening[name] for name in names}, work.owner)
    work.work_pictures.create(picture=more[0])
    work.work_pictures.create(picture=more[1])  # bypasses everything that writes to the log
    edit_work(work, replace(work.declared_work, title="Autumn hills, later"), by="Ann")
    path = write_deposit(inline, make_deposit(inline.services, work, by="Ann"), tmp_path)
    verdict = Verifier(build_own_trust(inline.services, "")).verify(path)
    states = {check.name: str(check.state) for check in verdict.checks if check.name.startswith("registration")}
    assert states == {
        "registration": "passed",
        "registration:01": "passed",
        "registration:02": "passed",
        "registration:03": "not checked",
    }
    assert not verdict.failures
    assert make_deposit(inline.services, work, by="Ann").number == 1


def test_deposit_contains_original_bytes_and_declaration(inline: SyncRunner, work: Work, tmp_path: Path) -> None:
    with zipfile.ZipFile(write_deposit(inline, make_deposit(inline.services, work, by="Ann"), tmp_path)) as archive:
        assert archive.read("data/work/01.jpg") == PICTURE
        facts = CaseFacts.from_json(archive.read(FACTS_PATH))
    assert facts.work.title == "Autumn hills"
    assert facts.work.registration is not None
    assert (facts.sightings, facts.matches, facts.party.kind) == ((), (), "none")


def test_earlier_registration_is_reported_with_its_date_only(inline: SyncRunner, work: Work) -> None:
    later = register(inline.services, owner("agency"), PICTURE, title="Hills").work
    ((_, pdf),) = load_record_files(inline.services, make_deposit(inline.services, later, by="Bob")).items()
    text = " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    day = f"{work.registered_at:%Y-%m-%d}"
    assert day in text
    assert "Studio" not in text


def test_deposit_of_purged_picture_keeps_proofs_and_lists_withheld_files(
    inline: SyncRunner, work: Work, tmp_path: Path
) -> None:
    deposit = make_deposit(inline.services, work, by="Ann")
    purge_picture(inline.services, work.pictures.get().digest, by="Ann", reason="An order of a court.")
    verdict = Verifier().verify(write_deposit(inline, deposit, tmp_path))
    withheld = {check.name for check in verdict.checks if check.sentence.startswith("Withheld from this copy")}
    assert withheld == {"file:data/work/01.jpg", "file:data/deposit-record.pdf"}
    assert not verdict.failures
    with pytest.raises(NotFoundError):
        load_record_files(inline.services, deposit)


def test_deposit_contains_renewal_proofs(
    inline: SyncRunner, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "MIN_RENEWAL_AGE", timedelta(0))
    deposit = make_deposit(inline.services, work, by="Ann")
    write_deposit(inline, deposit, tmp_path)
    first = LogCheckpoint.objects.order_by("-size")[0]
    register(inline.services, owner("later"), photograph(2))
    sequence_log(inline.services)
    later = sign_checkpoint(inline.services)
    assert later is not None
    for record in (first, later):
        row = {"kind": "evm", "service": "Chain", "digest": compute_checkpoint_digest(record.note), "proof": b"{}"}
        AnchorReceipt.objects.create(**row, checkpoint=record, state="done", time=record.made_at)
    with zipfile.ZipFile(write_deposit(inline, deposit, tmp_path)) as archive:
        assert f"proofs/log/checkpoint-{later.size}" in archive.namelist()


def test_deposit_is_recreated_only_after_declaration_changes(inline: SyncRunner, work: Work) -> None:
    first = make_deposit(inline.services, work, by="Ann")
    assert make_deposit(inline.services, work, by="Bob") == first
    work.author = "Mara Lindqvist"
    work.save()
    second = make_deposit(inline.services, work, by="Bob")
    assert (second.number, second.made_by) == (2, "Bob")
    assert second.seal_digest != first.seal_digest


@pytest.mark.long
def test_deposit_contains_public_page_if_public_url_is_set(inline: SyncRunner, work: Work, tmp_path: Path) -> None:
    opened = publish_work(inline.services, work, contact="", by="Ann")
    assert make_deposit(inline.services, opened, by="Ann").number == 1
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example.org")
    second = make_deposit(inline.services, opened, by="Ann")
    path = write_deposit(inline, second, tmp_path)
    with zipfile.ZipFile(path) as archive:
        facts = CaseFacts.from_json(archive.read(FACTS_PATH))
    assert (second.number, facts.work.public_page) == (2, f"https://exhibit.example.org/id/{opened.public_name}/")
    verdict = Verifier(generators=CONTENT_GENERATORS).verify(path)
    assert not verdict.failures
    assert "sheet" in {check.name for check in verdict.checks if check.state is State.PASSED}
    unpublish_work(opened, by="Ann")
    opened.refresh_from_db()
    third = make_deposit(inline.services, opened, by="Ann")
    with zipfile.ZipFile(write_deposit(inline, third, tmp_path)) as archive:
        assert CaseFacts.from_json(archive.read(FACTS_PATH)).work.public_page == ""


def test_deposit_seal_is_logged(inline: SyncRunner, work: Work) -> None:
    deposit = make_deposit(inline.services, work, by="Ann")
    content = LogOpening.objects.get(submission=deposit.submission_id).content
    assert content["manifest"] == deposit.seal_digest.hex


def test_purged_picture_cannot_be_deposited(inline: SyncRunner, work: Work) -> None:
    picture = work.pictures.get()
    inline.services.blobs.remove(picture.digest)
    picture.bytes_state = BytesState.PURGED
    picture.save()
    with pytest.raises(NotFoundError):
        make_deposit(inline.services, work, by="Ann")
    assert not Deposit.objects.exists()
