"""Test that published copies name their owner to programs that read IPTC, C2PA and TDMRep, and to `identify`."""

import json

import pytest

from evidence.facts.provenance import read_provenance
from evidence.keys import credentials
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError, ServiceMissingError
from registry.matches.identify import identify_picture
from registry.models import LogOpening, SignedCopy, Work
from registry.works import exporting
from registry.works.exporting import ExportOptions, export_pictures, make_tdm_reservation
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

LICENCES = "https://studio.example/licences"


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    new_work = register(inline.services, owner("studio"), photograph(1), "Harbour").work
    new_work.author, new_work.rights_statement, new_work.source_name = "Ann Lee", "© Ann Lee", "../harbour.jpeg"
    new_work.save()
    return new_work


def test_signed_copy_is_identified_with_its_owner(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    ((name, data),) = export_pictures(
        inline.services, work, ExportOptions(LICENCES, no_mining=True, signed=True), by="Ann"
    )
    assert name == "00001-1-harbour.jpg"
    result = identify_picture(inline.services, work.owner, data)
    assert [item.work for item in result.works] == [work]
    assert (result.file_statement.metadata.author, result.file_statement.metadata.licence) == ("Ann Lee", LICENCES)
    assert result.file_statement.manifest is not None
    assert (result.file_statement.manifest.standing, result.file_statement.manifest.signer) == (
        "valid",
        work.owner.name,
    )
    provenance = read_provenance(data, "JPEG")
    assert provenance is not None
    plain = json.loads(provenance[1])
    assertions = {item["label"]: item["data"] for item in plain["manifests"][plain["active_manifest"]]["assertions"]}
    assert {use["use"] for use in assertions["cawg.training-mining"]["entries"].values()} == {"notAllowed"}


def test_only_signed_copies_are_logged(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    list(export_pictures(inline.services, work, ExportOptions(no_mining=True), by="Ann"))
    entries = LogOpening.objects.filter(content__what="copy signed")
    assert (entries.count(), SignedCopy.objects.count()) == (0, 0)
    ((_name, data),) = export_pictures(inline.services, work, ExportOptions(signed=True), by="Ann")
    details = entries.get().details
    assert details is not None
    assert (details["by"], details["digest"], details["work"]) == ("Ann", Digest.from_bytes(data).hex, 1)
    assert details["manifest"] == SignedCopy.objects.get().manifest


def test_oversized_manifest_store_is_not_stored(
    inline: SyncRunner, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    monkeypatch.setattr(exporting, "MAX_STORE_BYTES", 100)
    list(export_pictures(inline.services, work, ExportOptions(signed=True), by="Ann"))
    assert not SignedCopy.objects.exists()


def test_training_statement_is_written_only_on_request(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    ((_name, data),) = export_pictures(inline.services, work, ExportOptions("", no_mining=False, signed=True), by="Ann")
    assert b"training-mining" not in data
    assert b"DataMining" not in data


def test_invalid_export_is_rejected(inline: SyncRunner, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequestError):
        next(
            export_pictures(
                inline.services, work, ExportOptions("javascript:1", no_mining=False, signed=False), by="Ann"
            )
        )
    monkeypatch.setattr(credentials, "find_spec", lambda _name: None)
    with pytest.raises(ServiceMissingError, match="c2pa"):
        next(export_pictures(inline.services, work, ExportOptions("", no_mining=False, signed=True), by="Ann"))
    inline.services.blobs.remove(work.pictures.get().digest)
    with pytest.raises(NotFoundError):
        next(export_pictures(inline.services, work, ExportOptions("", no_mining=False, signed=False), by="Ann"))


def test_tdm_reservation_lists_reserved_files() -> None:
    assert json.loads(make_tdm_reservation(["a b.jpg"])) == [{"location": "/*a%20b.jpg", "tdm-reservation": 1}]
