"""Test that a case's history stores names and values, and is shown in the reader's language."""

from django.utils import translation

from registry.cases import history
from registry.cases.history import PHRASES, join_sentences, render_english, render_localized
from registry.models import CaseEvent
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_history_row_stores_values_and_is_localized(inline: SyncRunner) -> None:
    case = create_case(inline.services, owner("studio"))
    history.record_event(
        case, "decided", "Ann", ("covered", {"numbers": "3, 4"}), ("undone", {}), text="See the order."
    )
    row = CaseEvent.objects.latest("pk")
    assert row.said == [["covered", {"numbers": "3, 4"}], ["undone", {}]]
    assert render_english(row.said, row.sentence) == " ".join(
        [history.PHRASES["covered"] % {"numbers": "3, 4"}, history.PHRASES["undone"], "See the order."]
    )
    with translation.override("zh-hans"):
        chinese = render_localized(row.said)
    assert "3, 4" in chinese
    assert chinese != render_english(row.said)


def test_chinese_sentences_are_joined_without_space() -> None:
    assert join_sentences(["One.", "", "Two."]) == "One. Two."
    assert join_sentences(["一。", "二。", "Three."]) == "一。二。Three."
    assert join_sentences([]) == ""


def test_translated_phrases_use_same_values_as_english() -> None:
    with translation.override("zh-hans"):
        for name, phrase in PHRASES.items():
            values = {part.split(")")[0]: "VALUE" for part in phrase.split("%(")[1:]}
            assert render_localized([(name, values)]).count("VALUE") == phrase.count("%("), name
