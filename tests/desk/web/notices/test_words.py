"""Test the wording of the notices' pages."""

from datetime import UTC, datetime

from desk.web.notices import words
from registry.cases.recaptures import Standing
from registry.models import Notice, NoticeCase, Sighting
from registry.notices.contents import QUESTIONS, CasePlace, NoticeItem
from registry.notices.deadlines import DAYS_AHEAD
from registry.notices.notices import LANGUAGES
from tests.assets.pages import numbers_in


def test_every_stored_value_has_a_label() -> None:
    assert words.STATES.keys() == set(Notice.State)
    assert words.KINDS.keys() == words.KIND_DESCRIPTIONS.keys() == set(Notice.Kind)
    assert words.LANGUAGES.keys() == {language for languages in LANGUAGES.values() for language in languages}
    assert words.DUE.keys() == DAYS_AHEAD.keys()
    assert words.STANDINGS.keys() == {*Standing, None}
    assert set(words.OUTCOMES) <= set(words.EVENTS)
    questions = {name: tuple(choice for choice, _ in answers) for name, _, answers in words.QUESTIONS}
    assert questions == QUESTIONS


def test_pages_are_counted_by_status_and_licensed_ones_separately() -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    places = (
        place(Standing.ONLINE, early),
        place(Standing.ONLINE, late),
        place(Standing.REMOVED, early),
        place(None, None),
        place(Standing.ONLINE, early, licence=7),
    )
    item = NoticeItem(row=NoticeCase(), places=places, current_places=(), share=1, shown=None, searched=True)
    lines, visited = words.count_standings(item)
    assert [numbers_in(line) for line in lines] == [["2"], ["1"], ["1"], ["1", "7"]]
    assert visited == late
    assert words.count_standings(NoticeItem(NoticeCase(), (), (), 1, None, searched=False)) == ([], None)


def place(standing: Standing | None, visited: datetime | None, licence: int | None = None) -> CasePlace:
    return CasePlace(Sighting(), datetime(2026, 10, 1, tzinfo=UTC), licence, standing, visited)
