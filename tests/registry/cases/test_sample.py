"""Test the sample owner: finds for practice that are not logged, notified, visited or sent, and fully deletable."""

from dataclasses import replace

import pytest

from evidence.accuracy.error_rates import CLASSES
from exhibit.errors import ServiceMissingError, WrongUseError
from registry.bundles.deposits import make_deposit
from registry.bundles.packages import request_package
from registry.cases import queue, sample
from registry.cases.decisions import Choice, Wish, clear_group, decide_each, request_bundle
from registry.crawls import plan
from registry.keys import keys
from registry.log.accuracy import present_accuracy
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
from registry.notices.notices import draft
from registry.parties import demands
from registry.parties.rdap import have_asked
from registry.reports.requests import request_report
from registry.retention import sample_removal
from registry.retention.reported import report_picture
from registry.works import bulk
from registry.works.declarations import edit
from registry.works.exporting import Wanted, packed
from registry.works.opened import open_work
from tests.assets.rows import bring, claimed_slice, owner, register
from workers.tasks.sync_runner import SyncRunner

PHOTOGRAPH = sample.ASSETS / "works" / "regatta.jpg"


def made(inline: SyncRunner, name: str = "ann") -> Owner:
    person = User.objects.create_user(name, f"{name}@example.org")
    found = sample.add_sample(inline.services, person)
    inline.run_until_idle()
    return found


@pytest.mark.long
@pytest.mark.django_db
def test_it_brings_finds_that_can_be_decided_and_undone_and_logs_and_tells_nothing(inline: SyncRunner) -> None:
    ann = made(inline)
    assert sample.add_sample(inline.services, User.objects.get()) == ann  # one for each user
    assert "Sailing regatta" in ann.works.values_list("title", flat=True)
    assert {case.party for case in ann.cases.all()} == {sample.SHOP, sample.BLOG}
    assert ann.cases.count() == len(sample.FINDS)
    wish = Wish(Choice.CONFIRM, by="ann")
    assert [one.done for one in decide_each(inline.services, ann, [1, 2], wish)] == [True, True]
    assert [one.done for one in decide_each(inline.services, ann, [1], replace(wish, choice=Choice.UNDO))] == [True]
    inline.run_until_idle()
    assert ann.cases.get(number=2).decision == "confirmed"
    assert [model.objects.count() for model in (Capture, Bundle, AnchorReceipt, Event)] == [0, 0, 0, 0]
    assert set(LogSubmission.objects.values_list("type", "owner")) <= {("setting", None)}  # only of the installation
    assert [present_accuracy().rate(kind).decided for kind in CLASSES] == [0, 0]


@pytest.mark.long
@pytest.mark.django_db
def test_nothing_of_it_goes_out(inline: SyncRunner) -> None:
    ann = made(inline)
    services, work, case, watch = inline.services, ann.works.first(), ann.cases.first(), ann.watches.get()
    assert work is not None
    assert case is not None
    decide_each(services, ann, [case.number], Wish(Choice.CONFIRM, by="ann"))
    for go in (
        lambda: request_report(ann, preparer="Ann"),
        lambda: request_package(ann, [case.number], "court", by="ann"),
        lambda: request_bundle(case),
        lambda: draft(ann, [case.number], "dmca", "en", by="ann"),
        lambda: make_deposit(services, work, by="ann"),
        lambda: open_work(services, work, contact="ann@example.org", by="ann"),
        lambda: packed(services, work, Wanted(), by="ann"),
        lambda: have_asked(services, ann, case.party, by="ann"),
        lambda: report_picture(services, case, by="ann", reason="x"),
        lambda: plan.start_now(services, watch),
    ):
        with pytest.raises(WrongUseError):
            go()


@pytest.mark.long
@pytest.mark.django_db
def test_it_and_what_is_real_dont_know_of_each_other(inline: SyncRunner) -> None:
    ann, studio = made(inline), owner("studio")
    result = register(inline.services, studio, PHOTOGRAPH.read_bytes())
    inline.run_until_idle()
    assert result.earlier is None
    assert not Case.objects.filter(owner=studio).exists()  # only the sample has cases on the sample sites
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [PHOTOGRAPH.read_bytes()]))
    assert [case.party for case in Case.objects.filter(owner=studio)] == ["shop.example"]
    assert ann.cases.count() == len(sample.FINDS)
    made(inline, "bob")
    assert not RegistrationConflict.objects.exists()


def work_on(inline: SyncRunner, ann: Owner) -> None:
    """Do everything else that is possible with the sample owner."""
    keys.add_device_key(ann, "laptop", bytes(32), by="ann")
    work = ann.works.get(number=1)
    edit(work, replace(work.declared, title="Another title"), by="ann")
    changed = bulk.edit_many(inline.services, ann, ann.works.all(), "author", "Ann", by="ann")
    bulk.undo(inline.services, changed, by="ann")
    bulk.edit_many(inline.services, ann, ann.works.all(), "put", "Harbours", by="ann")
    clear_group(inline.services, ann, queue.Wanted(), by="ann", reason="")
    decide_each(inline.services, ann, [2], Wish(Choice.CONFIRM, by="ann"))
    case = ann.cases.get(number=2)
    demand = demands.begin(ann, demands.NewDemand(case.party, [2], None, "EUR", 100, "Usual"), by="ann")
    for corrected in (None, 2):
        demands.add_entry(demand, demands.NewEntry("received", 50, words="Too much", corrects=corrected), by="ann")
    inline.run_until_idle()


@pytest.mark.long
@pytest.mark.django_db
def test_it_goes_wholly_and_can_come_again(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, PHOTOGRAPH.read_bytes())
    ann = made(inline)
    decide_each(inline.services, ann, [1], Wish(Choice.CLEAR, by="ann"))
    work_on(inline, ann)
    with pytest.raises(WrongUseError):
        sample_removal.remove_sample(studio, by="ann")
    sample_removal.remove_sample(ann, by="ann")
    assert list(Owner.objects.all()) == [studio]
    assert [model.objects.count() for model in (Case, Sighting, Watch, Upload, Membership)] == [0] * 5
    assert list(Work.objects.values_list("owner", flat=True)) == [studio.pk]
    assert not Match.objects.exists()
    kept = IndexChange.objects.filter(operation="add").values_list("number", "space", "collection")
    gone = set(IndexChange.objects.filter(operation="remove").values_list("removes", "space", "collection"))
    left = {one[2] for one in kept if one not in gone}
    assert left == {"works"}  # the studio's own image remains searchable
    again = sample.add_sample(inline.services, User.objects.get())
    inline.run_until_idle()
    assert again.cases.count() == len(sample.FINDS)


@pytest.mark.django_db
def test_without_the_pictures_it_says_so(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "ASSETS", sample.ASSETS / "none")
    with pytest.raises(ServiceMissingError):
        sample.add_sample(inline.services, User.objects.create_user("ann"))
