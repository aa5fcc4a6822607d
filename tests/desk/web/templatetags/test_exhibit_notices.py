"""Test what other pages show about notices."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone

from desk.web.templatetags.exhibit_notices import annotate_due
from exhibit.clock import now
from registry.models import Case, Membership, Notice, Owner, User, Work
from tests.assets.rows import owner
from tests.assets.source import collapse_whitespace


@pytest.fixture
def studio(db: None) -> Owner:
    """An owner with four sent notices, each due for a check a day later than the one before."""
    new_owner, today = owner("studio"), timezone.localdate()
    for number in range(1, 5):
        fields = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann", "created_at": now()}
        due = today - timedelta(days=5 - number)
        Notice.objects.create(owner=new_owner, number=number, state="sent", due_on=due, due_reason="reminder", **fields)
    return new_owner


def render(tag: str, **values: object) -> str:
    return collapse_whitespace(Template("{% load exhibit_notices %}{% " + tag + " %}").render(Context(values)))


def test_most_urgent_notices_are_listed_with_a_link_to_the_rest(studio: Owner) -> None:
    page = render("notices_due owner", owner=studio)
    assert [page.count(f"Notice {n} about shop.example") for n in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert page.count('class="flag"') == 3
    assert 'href="/o/studio/notices/?state=open"' in page
    assert render("notices_due owner", owner=owner("agency")).strip() == ""


def test_due_notices_are_counted_per_owner(studio: Owner) -> None:
    ann = User.objects.create_user("ann", "ann@example.org", "not used")
    for item in (studio, owner("agency")):
        Membership.objects.create(user=ann, owner=item)
    memberships = annotate_due(list(Membership.objects.order_by("owner__slug").select_related("owner")))
    assert [(item.owner.slug, item.due) for item in memberships] == [("agency", 0), ("studio", 4)]  # type: ignore[attr-defined]


def test_counter_notice_pauses_its_case(studio: Owner) -> None:
    work = Work.objects.create(owner=studio, number=1, title="A", registered_at=now())
    fields = {"owner": studio, "work": work, "party": "shop.example", "opened_at": now(), "decision": "confirmed"}
    case = Case.objects.create(number=1, **fields)
    assert "/notices/new" in render("case_notices owner case may_decide=True", owner=studio, case=case)
    assert "Notices" not in render("case_notices owner case", owner=studio, case=case)
    Notice.objects.get(number=1).notice_cases.create(case=case)
    Notice.objects.filter(number=1).update(state="countered")
    page = render("case_notices owner case may_decide=True", owner=studio, case=case)
    assert "/notices/new" not in page
