"""Test the wording of the notices' pages."""

from datetime import UTC, datetime

from desk.web.notices import words
from registry.cases.recaptures import Standing
from registry.models import Notice, NoticeCase, Sighting
from registry.notices.contents import QUESTIONS, CasePlace, NoticeItem
from registry.notices.notices import LANGUAGES
from registry.notices.terms import AHEAD
from tests.assets.pages import numbers_in


def test_whatever_a_row_can_say_has_its_words() -> None:
    assert words.STATES.keys() == set(Notice.State)
    assert words.KINDS.keys() == words.FOR_WHOM.keys() == set(Notice.Kind)
    assert words.LANGUAGES.keys() == {one for languages in LANGUAGES.values() for one in languages}
    assert words.DUE.keys() == AHEAD.keys()
    assert words.STANDINGS.keys() == {*Standing, None}
    assert set(words.HAPPENED) <= set(words.EVENTS)
    asked = {name: tuple(answer for answer, _ in answers) for name, _, answers in words.QUESTIONS}
    assert asked == QUESTIONS


def test_places_are_counted_by_how_they_stand_and_licensed_ones_apart() -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    places = (
        place(Standing.ONLINE, early),
        place(Standing.ONLINE, late),
        place(Standing.REMOVED, early),
        place(None, None),
        place(Standing.ONLINE, early, licence=7),
    )
    item = NoticeItem(row=NoticeCase(), places=places, there=(), share=1, shown=None, searched=True)
    told, visited = words.standings(item)
    assert [numbers_in(one) for one in told] == [["2"], ["1"], ["1"], ["1", "7"]]
    assert visited == late
    assert words.standings(NoticeItem(NoticeCase(), (), (), 1, None, searched=False)) == ([], None)


def place(standing: Standing | None, visited: datetime | None, licence: int | None = None) -> CasePlace:
    return CasePlace(Sighting(), datetime(2026, 10, 1, tzinfo=UTC), licence, standing, visited)
