"""Test that one of several machines without a shared folder continues what another one has started."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from evidence.log.append_only import BrokenHistoryError
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.fingerprints.ports import get_features
from registry.log.history import accept_checkpoint, start_new_origin
from registry.log.local_log import get_log
from registry.log.log import submit_entry
from registry.log.replay import replay
from registry.log.sequencer import sequence_log
from registry.models import LogCheckpoint, StepState, Upload, UploadFile, Work
from registry.retention.purge import purge_picture
from registry.services.stores import get_named_objects
from registry.works import uploads
from tests import CHECKOUT
from tests.assets.log_in_chunks import append_and_sign
from tests.assets.machines import create_machines
from tests.assets.rows import owner, photograph
from tests.assets.swift_server import S3
from workers.tasks.sync_runner import SyncRunner

SIGNING = """
import django
django.setup()
from django.db import connection, transaction
from registry.db.locks import Lock, hold
from registry.configuration import load_config
from registry.log.local_log import get_log
from registry.services.services import Services
with transaction.atomic():
    hold(Lock.LOG)
    print(get_log(Services(load_config())).sign_checkpoint().size, flush=True)
    input()
"""
Pair = tuple[SyncRunner, SyncRunner]


@pytest.fixture
def pair(inline: SyncRunner, s3: S3, tmp_path: Path) -> Pair:
    first, second = create_machines(inline.services.config, s3, tmp_path)
    return first, second


def upload_photographs(machine: SyncRunner, *numbers: int) -> Upload:
    """Upload photographs to one machine."""
    files = [uploads.SentFile(f"{n}.jpg", len(data := photograph(n)), lambda data=data: data) for n in numbers]  # type: ignore[misc]
    upload = uploads.start_upload(
        owner("studio"), uploads.DeclarationDefaults(), by="ann", table=None, announced=len(files)
    )
    uploads.receive_files(machine.services, upload, files)
    uploads.close_upload(upload)
    return upload


@pytest.mark.long
def test_upload_to_one_machine_is_registered_by_other_machine(pair: Pair) -> None:
    web, worker = pair
    upload = upload_photographs(web, 1, 2)
    assert not (web.services.config.data_dir / "uploads").exists()
    worker.run_until_idle()
    assert {row.outcome for row in upload.files.all()} == {"registered"}
    assert Work.objects.count() == 2
    for machine in pair:
        assert list(machine.services.uploads.iterate_idle(-60)) == []


@pytest.mark.long
def test_purge_and_sweep_reach_files_received_by_other_machine(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    web, worker = pair
    upload = upload_photographs(web, 1, 2)
    purge_picture(worker.services, Digest.from_bytes(photograph(1)), by="Ann", reason="Illegal.")
    assert list(web.services.uploads.get_store(upload.pk)) == [Digest.from_bytes(photograph(2))]
    monkeypatch.setattr(uploads, "IDLE_SECONDS", -60.0)
    uploads.delete_idle_bytes(worker.services)
    assert len(list(web.services.uploads.get_store(upload.pk))) == 1
    UploadFile.objects.update(state=StepState.DONE)
    uploads.delete_idle_bytes(worker.services)
    assert list(web.services.uploads.get_store(upload.pk)) == []


@pytest.mark.long
def test_older_log_rows_restored_block_signing_until_the_break_is_recorded(pair: Pair) -> None:
    first, second = pair
    append_and_sign(first, 2)
    backup = transaction.savepoint()
    append_and_sign(second, 3)
    old = get_log(second.services).read_stored_checkpoint()
    assert old is not None
    transaction.savepoint_rollback(backup)
    for machine in (first, second):
        with pytest.raises(BrokenHistoryError, match="it has signed"):
            append_and_sign(machine, 1)
        assert "it has signed" in get_log(machine.services).describe_signing_stop()
    with pytest.raises(BrokenHistoryError, match="it has signed"):
        accept_checkpoint(first.services, by="Ann", reason="wishful")
    new = start_new_origin(first.services, by="Ann", reason="An old backup.")
    append_and_sign(second, 1)
    head = get_log(first.services).read_stored_checkpoint()
    assert head is not None
    assert (old.checkpoint.origin, head.checkpoint.origin) == ("exhibit.localhost/log", new)
    assert [replay(machine.services).problems for machine in pair] == [[], []]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_machine_killed_while_signing_is_replaced_immediately(pair: Pair) -> None:
    first, second = pair
    append_and_sign(first, 2)
    submit_entry(EntryType.CASE, {"number": 3})
    sequence_log(first.services)
    database, config = connection.settings_dict, first.services.config
    environ = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "EXHIBIT_DATA": str(config.data_dir),
        "EXHIBIT_BLOBS_URL": config.blobs_url,
    }
    command = [sys.executable, "-c", SIGNING]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "3\n"
        assert LogCheckpoint.objects.count() == 1
        process.kill()
    began = time.monotonic()
    append_and_sign(second, 1)
    assert time.monotonic() - began < 30
    assert [row.size for row in LogCheckpoint.objects.order_by("pk")] == [2, 4]
    assert [replay(machine.services).problems for machine in pair] == [[], []]


def load_features(machine: SyncRunner, loads: list[bytes]) -> Digest:
    """Load the features of a photograph and return their digest; ``loads`` records whether its bytes were needed."""
    data = photograph(1)

    def load() -> bytes:
        loads.append(data)
        return data

    return get_features(machine.services).get(Digest.from_bytes(data), load).digest


def restart(machine: SyncRunner, *, without: str) -> SyncRunner:
    """Restart the machine without one of its folders."""
    shutil.rmtree(machine.services.config.data_dir / without, ignore_errors=True)
    return SyncRunner(machine.services.config)


@pytest.mark.long
def test_measurements_are_shared_between_machines_and_purged(pair: Pair) -> None:
    first, second = pair
    loads: list[bytes] = []
    assert (
        load_features(first, loads)
        == load_features(second, loads)
        == load_features(restart(first, without="features"), loads)
    )
    assert len(loads) == 1
    get_features(second.services).remove(Digest.from_bytes(photograph(1)))
    assert load_features(restart(first, without="features"), loads)
    get_features(first.services).clear()
    assert load_features(restart(second, without="features"), loads)
    assert len(loads) == 3


@pytest.mark.long
def test_damaged_or_unavailable_bucket_features_are_measured_again(pair: Pair, s3: S3) -> None:
    first, second = pair
    loads: list[bytes] = []
    digest = load_features(first, loads)
    objects = get_named_objects(first.services.config, "features")
    assert objects is not None
    [(name, _)] = objects.names()
    assert digest.hex in name
    objects.put(name, b"damaged")
    assert load_features(second, loads) == digest
    assert len(loads) == 2
    assert load_features(restart(first, without="features"), loads) == digest  # it was stored again
    assert len(loads) == 2
    keys = second.services.config.data_dir / "secrets" / "bucket.toml"
    keys.write_text(s3.settings(endpoint="http://127.0.0.1:9"))
    assert load_features(restart(second, without="features"), loads) == digest
    assert len(loads) == 3
