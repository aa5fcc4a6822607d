"""Test the sample owner: its practice matches are not logged, notified, visited or sent, and can be deleted."""

from dataclasses import replace

import pytest

from evidence.accuracy.error_rates import DECISION_CLASSES
from exhibit.errors import InvalidRequestError, ServiceMissingError
from registry.bundles.deposits import make_deposit
from registry.bundles.packages import request_package
from registry.cases import queue, sample
from registry.cases.decisions import DecisionChoice, DecisionRequest, decide_cases, dismiss_group, request_bundle
from registry.crawls import planning
from registry.keys import keys
from registry.log.accuracy import compute_accuracy
from registry.matches.match import match_pictures
from registry.models import (
    AnchorReceipt,
    Bundle,
    Capture,
    Case,
    Event,
    IndexChange,
    LogSubmission,
    Match,
    Membership,
    Owner,
    RegistrationConflict,
    Sighting,
    Upload,
    User,
    Watch,
    Work,
)
from registry.notices.notices import create_draft
from registry.parties import demands
from registry.parties.rdap import request_lookup
from registry.reports.requests import request_report
from registry.retention import sample_removal
from registry.retention.picture_reports import report_picture
from registry.works import bulk
from registry.works.declarations import edit_work
from registry.works.exporting import ExportOptions, export_zip
from registry.works.public_works import publish_work
from tests.assets.rows import claim_new_slice, owner, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

PHOTOGRAPH = sample.ASSETS / "works" / "regatta.jpg"


def add_sample_owner(inline: SyncRunner, name: str = "ann") -> Owner:
    person = User.objects.create_user(name, f"{name}@example.org")
    sample_owner = sample.add_sample(inline.services, person)
    inline.run_until_idle()
    return sample_owner


@pytest.mark.long
@pytest.mark.django_db
def test_sample_cases_are_decided_and_undone_without_log_or_events(inline: SyncRunner) -> None:
    ann = add_sample_owner(inline)
    assert sample.add_sample(inline.services, User.objects.get()) == ann  # one sample for each user
    assert "Sailing regatta" in ann.works.values_list("title", flat=True)
    assert {case.party for case in ann.cases.all()} == {sample.SHOP_HOST, sample.BLOG_HOST}
    assert ann.cases.count() == len(sample.SAMPLE_COPIES)
    wish = DecisionRequest(DecisionChoice.CONFIRM, by="ann")
    assert [result.is_applied for result in decide_cases(inline.services, ann, [1, 2], wish)] == [True, True]
    assert [
        result.is_applied
        for result in decide_cases(inline.services, ann, [1], replace(wish, choice=DecisionChoice.UNDO))
    ] == [True]
    inline.run_until_idle()
    assert ann.cases.get(number=2).decision == "confirmed"
    assert [model.objects.count() for model in (Capture, Bundle, AnchorReceipt, Event)] == [0, 0, 0, 0]
    assert set(LogSubmission.objects.values_list("type", "owner")) <= {("setting", None)}  # installation entries only
    assert [compute_accuracy().get_rate(kind).decided for kind in DECISION_CLASSES] == [0, 0]


@pytest.mark.long
@pytest.mark.django_db
def test_sample_data_cannot_be_exported_published_or_sent(inline: SyncRunner) -> None:
    ann = add_sample_owner(inline)
    services, work, case, watch = inline.services, ann.works.first(), ann.cases.first(), ann.watches.get()
    assert work is not None
    assert case is not None
    decide_cases(services, ann, [case.number], DecisionRequest(DecisionChoice.CONFIRM, by="ann"))
    for go in (
        lambda: request_report(ann, preparer="Ann"),
        lambda: request_package(ann, [case.number], "court", by="ann"),
        lambda: request_bundle(case),
        lambda: create_draft(ann, [case.number], "dmca", "en", by="ann"),
        lambda: make_deposit(services, work, by="ann"),
        lambda: publish_work(services, work, contact="ann@example.org", by="ann"),
        lambda: export_zip(services, work, ExportOptions(), by="ann"),
        lambda: request_lookup(services, ann, case.party, by="ann"),
        lambda: report_picture(services, case, by="ann", reason="x"),
        lambda: planning.start_crawl_now(services, watch),
    ):
        with pytest.raises(InvalidRequestError):
            go()


@pytest.mark.long
@pytest.mark.django_db
def test_sample_data_and_real_data_are_independent(inline: SyncRunner) -> None:
    ann, studio = add_sample_owner(inline), owner("studio")
    result = register(inline.services, studio, PHOTOGRAPH.read_bytes())
    inline.run_until_idle()
    assert result.earlier_registered_at is None
    assert not Case.objects.filter(owner=studio).exists()  # only the sample has cases on the sample sites
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [PHOTOGRAPH.read_bytes()]))
    assert [case.party for case in Case.objects.filter(owner=studio)] == ["shop.example"]
    assert ann.cases.count() == len(sample.SAMPLE_COPIES)
    add_sample_owner(inline, "bob")
    assert not RegistrationConflict.objects.exists()


def use_all_features(inline: SyncRunner, ann: Owner) -> None:
    """Use all other features with the sample owner."""
    keys.add_device_key(ann, "laptop", bytes(32), by="ann")
    work = ann.works.get(number=1)
    edit_work(work, replace(work.declared_work, title="Another title"), by="ann")
    changed = bulk.start_bulk_edit(inline.services, ann, ann.works.all(), "author", "Ann", by="ann")
    bulk.undo_bulk_edit(inline.services, changed, by="ann")
    bulk.start_bulk_edit(inline.services, ann, ann.works.all(), "put", "Harbours", by="ann")
    dismiss_group(inline.services, ann, queue.CaseFilter(), by="ann", reason="")
    decide_cases(inline.services, ann, [2], DecisionRequest(DecisionChoice.CONFIRM, by="ann"))
    case = ann.cases.get(number=2)
    demand = demands.create_demand(ann, demands.NewDemand(case.party, [2], None, "EUR", 100, "Usual"), by="ann")
    for corrected in (None, 2):
        demands.add_entry(demand, demands.NewEntry("received", 50, words="Too much", corrects=corrected), by="ann")
    inline.run_until_idle()


@pytest.mark.long
@pytest.mark.django_db
def test_sample_data_is_removed_completely_and_can_be_recreated(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, PHOTOGRAPH.read_bytes())
    ann = add_sample_owner(inline)
    decide_cases(inline.services, ann, [1], DecisionRequest(DecisionChoice.DISMISS, by="ann"))
    use_all_features(inline, ann)
    with pytest.raises(InvalidRequestError):
        sample_removal.remove_sample(studio, by="ann")
    sample_removal.remove_sample(ann, by="ann")
    assert list(Owner.objects.all()) == [studio]
    assert [model.objects.count() for model in (Case, Sighting, Watch, Upload, Membership)] == [0] * 5
    assert list(Work.objects.values_list("owner", flat=True)) == [studio.pk]
    assert not Match.objects.exists()
    index_changes = IndexChange.objects.filter(operation="add").values_list("number", "space", "collection")
    removed_rows = set(IndexChange.objects.filter(operation="remove").values_list("removes", "space", "collection"))
    remaining = {row[2] for row in index_changes if row not in removed_rows}
    assert remaining == {"works"}  # the studio's own image remains searchable
    second_sample = sample.add_sample(inline.services, User.objects.get())
    inline.run_until_idle()
    assert second_sample.cases.count() == len(sample.SAMPLE_COPIES)


@pytest.mark.django_db
def test_missing_sample_pictures_are_reported(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "ASSETS", sample.ASSETS / "none")
    with pytest.raises(ServiceMissingError):
        sample.add_sample(inline.services, User.objects.create_user("ann"))
