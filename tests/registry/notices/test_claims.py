"""Disputes that works have lost."""

from registry.models import Case, Owner
from registry.notices.claims import lost
from tests.assets.noticed import studio
from workers.cases.decisions import dispute

__all__ = ["studio"]


def test_disputes_that_a_work_has_lost_are_counted_and_no_others(studio: Owner) -> None:
    case, other = studio.cases.get(number=1), studio.cases.get(number=2)
    dispute(case, by="Ann", reason="They have a licence.")
    assert lost([case.work_id]).get(case.work_id) is None
    Case.objects.filter(pk=case.pk).update(decision="cleared")
    assert lost([case.work_id])[case.work_id]["cases"] == [1]
    assert other.work_id == case.work_id or other.work_id not in lost([other.work_id])
