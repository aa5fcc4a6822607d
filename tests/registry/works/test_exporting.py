"""Test that published copies name their owner to programs that read IPTC, C2PA and TDMRep, and to `identify`."""

import json

import pytest

from evidence.facts.provenance import read_provenance
from evidence.keys import credentials
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, ServiceMissingError, WrongUseError
from registry.matches.identify import identify
from registry.models import LogOpening, SignedCopy, Work
from registry.works import exporting
from registry.works.exporting import Wanted, exported, tdm_reservation
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

LICENCES = "https://studio.example/licences"


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    made = register(inline.services, owner("studio"), photograph(1), "Harbour").work
    made.author, made.rights_statement, made.source_name = "Ann Lee", "© Ann Lee", "../harbour.jpeg"
    made.save()
    return made


def test_a_signed_copy_leads_back_to_its_owner(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    ((name, data),) = exported(inline.services, work, Wanted(LICENCES, no_mining=True, signed=True), by="Ann")
    assert name == "00001-1-harbour.jpg"
    found = identify(inline.services, work.owner, data)
    assert [one.work for one in found.works] == [work]
    assert (found.said.metadata.author, found.said.metadata.licence) == ("Ann Lee", LICENCES)
    assert found.said.manifest is not None
    assert (found.said.manifest.standing, found.said.manifest.signer) == ("valid", work.owner.name)
    read = read_provenance(data, "JPEG")
    assert read is not None
    plain = json.loads(read[1])
    assertions = {one["label"]: one["data"] for one in plain["manifests"][plain["active_manifest"]]["assertions"]}
    assert {use["use"] for use in assertions["cawg.training-mining"]["entries"].values()} == {"notAllowed"}


def test_signing_is_an_entry_of_the_log_and_other_copies_are_none(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    list(exported(inline.services, work, Wanted(no_mining=True), by="Ann"))
    entries = LogOpening.objects.filter(content__what="copy signed")
    assert (entries.count(), SignedCopy.objects.count()) == (0, 0)
    ((_name, data),) = exported(inline.services, work, Wanted(signed=True), by="Ann")
    told = entries.get().details
    assert told is not None
    assert (told["by"], told["digest"], told["work"]) == ("Ann", Digest.of(data).hex, 1)
    assert told["manifest"] == SignedCopy.objects.get().manifest


def test_too_large_a_manifest_store_is_not_kept(
    inline: SyncRunner, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    monkeypatch.setattr(exporting, "MAX_STORE", 100)
    list(exported(inline.services, work, Wanted(signed=True), by="Ann"))
    assert not SignedCopy.objects.exists()


def test_nothing_is_said_of_training_unless_it_is_asked_for(inline: SyncRunner, work: Work) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    ((_name, data),) = exported(inline.services, work, Wanted("", no_mining=False, signed=True), by="Ann")
    assert b"training-mining" not in data
    assert b"DataMining" not in data


def test_what_cannot_be_is_refused(inline: SyncRunner, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongUseError):
        next(exported(inline.services, work, Wanted("javascript:1", no_mining=False, signed=False), by="Ann"))
    monkeypatch.setattr(credentials, "find_spec", lambda _name: None)
    with pytest.raises(ServiceMissingError, match="c2pa"):
        next(exported(inline.services, work, Wanted("", no_mining=False, signed=True), by="Ann"))
    inline.services.blobs.remove(work.pictures.get().digest)
    with pytest.raises(NotFoundError):
        next(exported(inline.services, work, Wanted("", no_mining=False, signed=False), by="Ann"))


def test_a_site_is_told_which_files_are_reserved() -> None:
    assert json.loads(tdm_reservation(["a b.jpg"])) == [{"location": "/*a%20b.jpg", "tdm-reservation": 1}]
