"""Test the preview of a licence's effect on an owner's cases."""

import pytest

from exhibit.clock import now
from registry.cases import licence_trial
from registry.cases.decisions import confirm_case
from registry.cases.licence_trial import try_licences
from registry.models import LogSubmission
from registry.works.licences import NewLicence, add_licences, normalise_licence
from tests.assets.rows import owner, photograph, register
from tests.registry.cases.test_ledger import DAY, make_case, review_ledger
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_licence_test_reports_effects_without_changing_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    wide, narrow, other = (
        make_case(inline, studio, host, name)
        for host, name in (("a.shop.example", "a"), ("print.example", "b"), ("elsewhere.example", "c"))
    )
    confirm_case(inline.services, narrow, by="Ann", reason="")
    before = LogSubmission.objects.count()
    trial = try_licences(studio, [NewLicence("A", domain="shop.example"), NewLicence("B", url_pattern="*print*")])
    assert trial.counts == {"reopened": 0, "licensed": 1, "decided": 1, "partly": 0}
    assert trial.effects == {wide.number: "licensed", narrow.number: "decided"}
    assert try_licences(studio, [NewLicence("A", domain="shop.example", valid_until=now().date() - DAY)]).effects == {}
    assert LogSubmission.objects.count() == before
    many = [NewLicence(f"L {n}", domain="elsewhere.example") for n in range(30)]
    assert try_licences(studio, many).effects == {other.number: "licensed"}


@pytest.mark.long
def test_resumed_licence_test_equals_uninterrupted_test(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    for name in ("a", "b", "c"):
        make_case(inline, studio, f"{name}.example", name)
    (licence,), _ = add_licences(studio, [NewLicence("A", domain="a.example")])
    review_ledger(inline, studio)
    new = normalise_licence(NewLicence("A", url_pattern="*c.example/*"))
    whole = try_licences(studio, [new], replaced_licence=licence)
    assert whole.counts == {"reopened": 1, "licensed": 1, "decided": 0, "partly": 0}
    assert whole.effects == {1: "reopened", 3: "licensed"}
    monkeypatch.setattr(licence_trial, "BATCH_SIZE", 1)
    pieces, trial = 0, licence_trial.EMPTY_TRIAL
    while trial.after is not None:
        trial = try_licences(studio, [new], replaced_licence=licence, previous=trial, seconds=0)
        pieces += 1
    assert (trial, pieces) == (whole, 4)
