"""Test that sealed and reported facts are true at that moment, and reveal nothing about other owners."""

import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import transaction
from PIL import Image

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, ServiceMissingError
from exhibit.ports import Receipt
from exhibit.types import Sighting as Seen
from indexer.picture.spaces import PHASH
from registry import scoped
from registry.bundles.capture import capture_sightings
from registry.bundles.facts import gather_facts
from registry.bundles.sealing import seal_bundles
from registry.bundles.timestamp_requests import request_timestamps
from registry.cases.decisions import confirm_case, dismiss_case, license_use, reopen_decided_case
from registry.crawls import crawling
from registry.crawls.run_slice import build_log_data
from registry.crawls.sightings import store_sightings
from registry.fingerprints.fingerprints import clear_cached_spaces, get_space_id
from registry.fingerprints.ports import get_features
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import (
    AnchorReceipt,
    Bundle,
    BytesState,
    Capture,
    Case,
    CrawlSlice,
    HostDenial,
    Licence,
    LogOpening,
    LogSubmission,
    Owner,
    Picture,
    Sighting,
    WorkPicture,
)
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.works.licences import NewLicence, add_licences
from registry.works.registration import remove_work
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


def record_new_sightings(inline: SyncRunner, watcher: Owner, *pictures: bytes, name: str = "watch") -> list[int]:
    planned, epoch = claim_new_slice(watcher, name)
    return record_sightings(inline.services, planned, epoch, pictures)


def create_case(inline: SyncRunner, case_owner: Owner, watcher: Owner, name: str = "watch") -> Case:
    """Create a case of an owner's image, seen twice by a crawl of ``watcher``."""
    register(inline.services, case_owner, photograph(1))
    match_pictures(
        inline.services, record_new_sightings(inline, watcher, recompress(photograph(1)), photograph(1), name=name)
    )
    Capture.objects.update(state="failed")  # no server responds at these URLs
    return Case.objects.get(owner=case_owner)


def end_slice(case: Case) -> None:
    """Finish the slice that saw a case's images."""
    part = CrawlSlice.objects.filter(sightings__case_sightings__case=case).distinct().get()
    assert crawling.finish_slice(
        part.pk, part.epoch, counts={"reason": "finished"}, suspect=False, build_log_data=build_log_data
    )


def remove_timestamp_services(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))


@pytest.mark.long
def test_bundle_does_not_reveal_the_watching_owner(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    case = create_case(inline, studio, agency, name="secret-client")
    end_slice(case)
    facts = gather_facts(
        inline.services, scoped.get_case(studio, case.number), bundle=1, language="en", for_sealing=True
    ).facts
    assert facts.sightings[0].slice is not None
    facts_text = facts.to_json().decode()
    assert "secret-client" not in facts_text.replace("http://secret-client.example/", "")
    assert "agency" not in facts_text


def test_unsealed_licence_check_uses_current_licences(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    Case.objects.update(decision="confirmed")
    add_licences(studio, [NewLicence("A", url_pattern="*/page-0"), NewLicence("B", domain="other.example")])
    check = gather_facts(inline.services, case, bundle=0, language="en", for_sealing=False).facts.licence_check
    assert (check.searched, check.covered) == (2, False)
    assert check.reasons[0].startswith("Licence 1 (A): ")
    assert "1 of 2" in check.reasons[0]
    assert (check.outcome, check.partly) == ("some", True)
    add_licences(studio, [NewLicence("C", domain="shop.example")])
    later = gather_facts(inline.services, case, bundle=0, language="en", for_sealing=False).facts.licence_check
    assert (later.searched, later.covered, later.partly) == (3, True, False)
    assert later.outcome == "all"
    assert later.checked_at > check.checked_at


def test_reopening_a_case_removes_its_manually_assigned_licence(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    wrong = Licence.objects.create(owner=studio, number=1, licensee="Other", domain="other.example")
    license_use(case, wrong, by="Ann", reason="")
    reopen_decided_case(case, by="Ann", reason="The wrong one.")
    assert set(case.case_sightings.values_list("licence", flat=True)) == {None}


def test_reopened_case_is_not_sealed(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    confirm_case(inline.services, case, by="Ann", reason="A copy.")
    reopen_decided_case(case, by="Ann", reason="Too early.")
    dismiss_case(case, by="Ann", reason="It is ours.")
    seal_bundles(inline.services, list(Bundle.objects.values_list("pk", flat=True)))
    bundle = Bundle.objects.get()
    assert (bundle.state, bundle.seal_digest) == ("failed", None)
    reopen_decided_case(case, by="Ann", reason="No, it isn't.")
    confirm_case(inline.services, case, by="Ann", reason="A copy.")
    assert Bundle.objects.latest("number").number == 2


@pytest.mark.long
def test_report_states_the_current_decision(inline: SyncRunner) -> None:
    remove_timestamp_services(inline)
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    end_slice(case)
    confirm_case(inline.services, case, by="Ann", reason="A copy.")
    seal_bundles(inline.services, list(Bundle.objects.values_list("pk", flat=True)))
    assert Bundle.objects.get().seal_digest is not None
    reopen_decided_case(case, by="Ann", reason="Not so sure.")
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")
    data = next(item for item in report.files if item["name"].endswith(".json"))
    report_facts = json.loads(inline.services.blobs.get(Digest.from_hex(data["digest"])))
    assert [item["facts"]["decision"]["decision"] for item in report_facts["cases"]] == ["open"]
    assert (report_facts["summary"]["open"], report_facts["summary"]["confirmed"]) == (1, 0)


def test_removal_of_a_work_is_not_recorded_as_its_registration(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    remove_work(case.work, by="Ann")
    registered, _removed = LogSubmission.objects.filter(type="registration").order_by("pk")
    LogOpening.objects.filter(submission=registered).delete()
    facts = gather_facts(inline.services, case, bundle=1, language="en", for_sealing=True).facts
    assert facts.work.registration is None


def test_expired_picture_returns_with_its_registration(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    match_pictures(inline.services, record_new_sightings(inline, studio, data))
    Picture.objects.update(bytes_state=BytesState.EXPIRED)
    inline.services.blobs.remove(Digest.from_bytes(data))
    work = register(inline.services, studio, data).work
    search_pictures(inline.services, [work.work_pictures.get().pk])
    assert Picture.objects.get().bytes_state == BytesState.STORED
    assert Case.objects.get().case_sightings.get().match.decision == "certain"


def test_failed_picture_is_retried_once_when_seen_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    record_new_sightings(inline, studio, photograph(1))
    Picture.objects.update(state="failed", attempts=5)
    picture_ids = record_new_sightings(inline, studio, photograph(1), name="again")
    match_pictures(inline.services, picture_ids)
    assert Picture.objects.get().state == "done"


def test_unstorable_characters_in_sitemap_and_import_are_handled(inline: SyncRunner) -> None:
    planned, epoch = claim_new_slice(owner("studio"))
    odd = Seen(
        page_url=f"http://{'x' * 400}.example/",
        image_url="http://shop.example/a.jpg",
        final_url="",
        digest=inline.services.blobs.put(photograph(1)),
        size=1,
        media_type="image/jpeg" + "x" * 200,
        status=200,
        request_headers=(),
        response_headers=(("X-Odd", "a\0b\ud800"),),
        peer="y" * 100,
        fetched_at=now(),
        found_in="warc",
    )
    with transaction.atomic():
        row = crawling.lock_slice(planned.pk, epoch)
        assert row is not None
        store_sightings(row, [(odd, "")], "")
    assert Sighting.objects.get().response_headers == [["X-Odd", "a\ufffdb?"]]


def damage_stored(inline: SyncRunner, data: bytes) -> None:
    """Change the stored bytes of an image."""
    inline.services.blobs.remove(Digest.from_bytes(data))
    path = (
        inline.services.config.data_dir / "blobs" / Digest.from_bytes(data).hex[:2] / Digest.from_bytes(data).hex[2:4]
    )
    (path / Digest.from_bytes(data).hex).write_bytes(b"x" * len(data))


def test_damaged_picture_does_not_block_other_matches(inline: SyncRunner) -> None:
    studio = owner("studio")
    bad, good = recompress(photograph(1)), recompress(recompress(photograph(1)))
    match_pictures(inline.services, record_new_sightings(inline, studio, bad, good))
    damage_stored(inline, bad)
    work = register(inline.services, studio, photograph(1)).work
    search_pictures(inline.services, [work.work_pictures.get().pk])
    assert WorkPicture.objects.get().state == "done"
    assert Case.objects.get().case_sightings.get().sighting.picture.digest == Digest.from_bytes(good)


@pytest.mark.long
def test_damaged_registered_picture_does_not_block_other_matches(inline: SyncRunner) -> None:
    studio = owner("studio")
    for number in (1, 2):
        register(inline.services, studio, photograph(number))
    damage_stored(inline, photograph(1))
    get_features(inline.services).remove(Digest.from_bytes(photograph(1)))
    crop = encode_jpeg(Image.open(BytesIO(photograph(2))).crop((60, 40, 290, 210)))  # both works have some votes
    pictures = [recompress(photograph(1)), recompress(photograph(2)), crop]
    match_pictures(inline.services, record_new_sightings(inline, studio, *pictures))
    case = Case.objects.get()
    assert (case.work.number, case.case_sightings.count()) == (2, 2)
    rows = [Picture.objects.get(digest=Digest.from_bytes(data)) for data in pictures]
    assert [(row.state, bool(row.searched)) for row in rows] == [("done", False)] * 3  # each lists both works
    inline.services.blobs.remove(Digest.from_bytes(photograph(1)))
    inline.services.blobs.put(photograph(1))
    match_pictures(inline.services, record_new_sightings(inline, studio, recompress(photograph(1)), name="again"))
    assert set(Case.objects.values_list("work__number", flat=True)) == {1, 2}


def test_denied_host_is_not_captured(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline, studio, studio)
    HostDenial.objects.create(host="example", reason="Asked to be left out")
    Capture.objects.update(state="queued")
    capture_sightings(inline.services, list(case.captures.values_list("pk", flat=True)))
    for row in case.captures.all():
        assert (row.state, row.outcome, row.files) == ("done", "unreachable", [])
        assert row.sentence.endswith(" shop.example.")


class SilentAnchor:
    """A timestamp service that never responds."""

    kind, name, development, qualified, retry_interval = "rfc3161", "silent", False, "", timedelta(minutes=10)

    def __init__(self) -> None:
        self.submissions = 0

    def submit(self, digest: Digest) -> Receipt:
        self.submissions += 1
        raise ServiceMissingError(f"Nobody answers about {digest}.")


def test_unresponsive_timestamp_service_is_queried_once(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = SilentAnchor()
    monkeypatch.setattr("registry.log.anchors._AnchorCache.get", lambda *_: (silent,))
    names = ["silent"] * 3 + ["removed"]
    rows = [
        AnchorReceipt.objects.create(kind="rfc3161", service=name, digest=Digest.from_bytes(bytes([place])))
        for place, name in enumerate(names)
    ]
    request_timestamps(inline.services, [row.pk for row in rows])
    assert silent.submissions == 1
    assert set(AnchorReceipt.objects.values_list("state", flat=True)) == {"queued"}
    assert not AnchorReceipt.objects.filter(error="").exists()


def test_incompatible_vectors_are_refused(inline: SyncRunner) -> None:
    register(inline.services, owner("studio"), photograph(0))
    clear_cached_spaces()
    other = replace(PHASH, parameters=(("grey", "mean of the channels"),))
    with pytest.raises(InvalidRequestError, match="different parameters"):
        get_space_id(other)
