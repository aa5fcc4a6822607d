"""Test that an owner, a work and a site share one case, and that its evidence is protected."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from exhibit.clock import now
from registry.models import Case, CaseEvent, CaseSighting, Licence
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_case_is_unique_and_protects_its_evidence(inline: SyncRunner) -> None:
    studio = owner("studio")
    case = create_case(inline.services, studio)
    with pytest.raises(IntegrityError, match="case_identity"), transaction.atomic():
        Case.objects.create(owner=studio, work=case.work, party=case.party, number=2, opened_at=now())
    other = Case.objects.create(owner=studio, work=case.work, party="other.example", number=2, opened_at=now())
    other.refresh_from_db()
    assert (other.decision, other.is_pending, other.places, other.standing) == ("open", True, 0, "")
    row = case.case_sightings.get()
    for needed in (row.sighting, row.match, case.work):
        with pytest.raises(ProtectedError), transaction.atomic():
            needed.delete()


@pytest.mark.long
def test_deleted_licence_is_cleared_from_sightings(inline: SyncRunner) -> None:
    case = create_case(inline.services, owner("studio"))
    licence = Licence.objects.create(owner=case.owner, number=1, licensee="A shop")
    case.case_sightings.update(licence=licence)
    licence.delete()
    assert CaseSighting.objects.get().licence is None


def test_newest_case_event_comes_first(inline: SyncRunner) -> None:
    case = create_case(inline.services, owner("studio"))
    moment = now()
    for kind in ("one", "two"):
        CaseEvent.objects.create(case=case, at=moment, kind=kind)
    assert [event.kind for event in case.events.all()[:2]] == ["two", "one"]
