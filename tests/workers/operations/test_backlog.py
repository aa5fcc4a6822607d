"""Test the causes of delayed work, and their messages."""

import errno
import os
import shutil

import pytest

from exhibit.errors import ServiceMissingError
from exhibit.machine import ERROR_SENTENCES, log_once
from registry.bundles.timestamp_requests import request_timestamps
from registry.db import steps
from registry.matches.index_upkeep import rebuild_indexes
from registry.matches.match import match_pictures
from registry.models import AnchorReceipt, Case, Picture, UploadFile
from registry.pictures.previews import get_preview
from registry.services.services import Services
from registry.works import uploads
from registry.works.upload_registration import register_uploads
from tests.assets.damaged_search import WORKS, inline, stage, truncate_files, waiting_pictures, works_and_pictures
from tests.assets.rows import create_pending_receipts, owner, photograph
from tests.assets.unreliable_anchor import UnreliableAnchor, unreliable_anchor
from workers.operations.backlog import find_held_up_reasons
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "unreliable_anchor", "waiting_pictures", "works_and_pictures"]


def test_unresponsive_timestamp_service_clears_earlier_machine_error(
    inline: SyncRunner, unreliable_anchor: UnreliableAnchor
) -> None:
    unreliable_anchor.error = OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
    rows = create_pending_receipts(b"1")
    with pytest.raises(OSError, match="down") as down:
        request_timestamps(inline.services, rows)
    steps.release_after_error(AnchorReceipt, rows, down.value)
    assert find_held_up_reasons() == {"timestamp": ERROR_SENTENCES[errno.ENETDOWN]}
    unreliable_anchor.error = ServiceMissingError("Nobody is there.")
    AnchorReceipt.objects.update(not_before=None)
    request_timestamps(inline.services, rows)
    assert find_held_up_reasons() == {}


@pytest.mark.long
def test_damaged_index_is_rebuilt_on_use_without_delay(inline: SyncRunner, waiting_pictures: list[int]) -> None:
    list(rebuild_indexes(inline.services))
    truncate_files(inline.services.config.data_dir / "indexes", "works-phash256-*/*.faiss")
    services = Services(inline.services.config)
    upload = uploads.start_upload(owner("agency"), uploads.DeclarationDefaults(), by="ann", table=None, announced=1)
    uploads.receive_files(services, upload, [uploads.SentFile("a.jpg", len(photograph(70)), lambda: photograph(70))])
    register_uploads(services, list(UploadFile.objects.values_list("pk", flat=True)))
    match_pictures(services, waiting_pictures)
    assert (Case.objects.count(), find_held_up_reasons()) == (WORKS, {})
    assert UploadFile.objects.get().outcome == "registered"


@pytest.mark.long
def test_work_continues_without_cache_space_and_warns_once(
    inline: SyncRunner, waiting_pictures: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exhibit.machine.CACHE_RESERVE_BYTES", 2**62)
    log_once.cache_clear()
    for folder in ("features", "previews"):
        shutil.rmtree(inline.services.config.data_dir / folder, ignore_errors=True)
    services = Services(inline.services.config)
    match_pictures(services, waiting_pictures)
    assert (Case.objects.count(), find_held_up_reasons()) == (WORKS, {})
    for picture in Picture.objects.filter(pk__in=waiting_pictures):
        assert get_preview(services, picture.digest)
    assert not [
        path for folder in ("features", "previews") for path in (services.config.data_dir / folder).rglob("*.*")
    ]
    assert len([message for message in caplog.messages if "without the cache" in message]) == 2
