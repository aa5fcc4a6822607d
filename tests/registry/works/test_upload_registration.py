"""Test that uploaded files are registered one by one, and that failures end with a reason."""

import pytest

from registry.models import Owner, UploadFile, Work
from registry.works import uploads
from registry.works.upload_registration import register_uploads
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def upload_files(inline: SyncRunner, rights_holder: Owner, **files: bytes) -> dict[str, UploadFile]:
    """Register files, and return their results."""
    upload = uploads.start_upload(
        rights_holder, uploads.DeclarationDefaults(author="Ann"), by="Ann", table=None, announced=len(files)
    )
    sent = [uploads.SentFile(f"{name}.jpg", len(data), lambda data=data: data) for name, data in files.items()]  # type: ignore[misc]
    uploads.receive_files(inline.services, upload, sent)
    register_uploads(inline.services, list(upload.files.values_list("pk", flat=True)))
    return {row.name.removesuffix(".jpg"): row for row in upload.files.all()}


@pytest.mark.long
def test_each_uploaded_file_has_its_own_result(inline: SyncRunner, studio: Owner) -> None:
    work = register(inline.services, studio, photograph(1)).work
    files = upload_files(inline, studio, known=photograph(1), new=photograph(2), broken=b"\xff\xd8\xff\xe0 no picture")
    assert {name: row.outcome for name, row in files.items()} == {
        "known": "known",
        "new": "registered",
        "broken": "refused",
    }
    assert (files["known"].work, files["new"].work) == (work, Work.objects.get(number=2))
    assert Work.objects.get(number=2).author == "Ann"
    assert files["broken"].reason
    assert files["broken"].error
    assert {row.state for row in files.values()} == {"done"}


def test_stored_bytes_are_deleted_after_registration(inline: SyncRunner, studio: Owner) -> None:
    files = upload_files(inline, studio, new=photograph(2))
    store = inline.services.uploads.get_store(files["new"].upload_id)
    assert files["new"].digest not in store
    UploadFile.objects.update(state="queued", outcome="", work=None)
    Work.objects.update(removed_at=Work.objects.get().registered_at)
    register_uploads(inline.services, [files["new"].pk])
    row = UploadFile.objects.get()
    assert (row.outcome, row.reason) == ("refused", "missing")
