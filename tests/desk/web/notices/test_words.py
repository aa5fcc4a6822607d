"""Test the wording of the notices' pages."""

from datetime import UTC, datetime

from desk.web.notices import words
from registry.cases.recaptures import PlaceState
from registry.models import Notice, NoticeCase, Sighting
from registry.notices.contents import QUESTIONS, CasePage, NoticeItem
from registry.notices.deadlines import DAYS_AHEAD
from registry.notices.notices import LANGUAGES
from tests.assets.pages import numbers_in


def test_every_stored_value_has_a_label() -> None:
    assert words.STATE_LABELS.keys() == set(Notice.State)
    assert words.KIND_LABELS.keys() == words.KIND_DESCRIPTIONS.keys() == set(Notice.Kind)
    assert words.LANGUAGES.keys() == {language for languages in LANGUAGES.values() for language in languages}
    assert words.DUE_LABELS.keys() == DAYS_AHEAD.keys()
    assert words.STATUS_TEMPLATES.keys() == {*PlaceState, None}
    assert set(words.OUTCOME_LABELS) <= set(words.EVENT_LABELS)
    questions = {name: tuple(choice for choice, _ in answers) for name, _, answers in words.QUESTIONS}
    assert questions == QUESTIONS


def test_pages_of_a_notice_are_counted_by_status_and_licensed_pages_separately() -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    places = (
        build_page(PlaceState.ONLINE, early),
        build_page(PlaceState.ONLINE, late),
        build_page(PlaceState.REMOVED, early),
        build_page(None, None),
        build_page(PlaceState.ONLINE, early, licence=7),
    )
    item = NoticeItem(
        row=NoticeCase(), places=places, current_places=(), shown_fraction=1, shown=None, has_licences=True
    )
    lines, visited = words.count_page_statuses(item)
    assert [numbers_in(line) for line in lines] == [["2"], ["1"], ["1"], ["1", "7"]]
    assert visited == late
    assert words.count_page_statuses(NoticeItem(NoticeCase(), (), (), 1, None, has_licences=False)) == ([], None)


def build_page(standing: PlaceState | None, visited: datetime | None, licence: int | None = None) -> CasePage:
    return CasePage(Sighting(), datetime(2026, 10, 1, tzinfo=UTC), licence, standing, visited)
