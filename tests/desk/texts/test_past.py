"""How far the search of what was seen before is."""

from desk.texts.past import search_in_words


def test_how_far_a_search_of_the_past_is() -> None:
    for search, said in (
        ({"state": "todo"}, "Waits for the workers."),
        ({"state": "failed"}, "Given up."),
        ({"state": "done", "alike": 0}, "No picture seen before resembles it."),
        ({"state": "todo", "alike": 1200, "compared": 7}, "1,200; 7 compared, under way."),
        ({"state": "failed", "alike": 2}, "2; 0 compared, given up."),
        (
            {"state": "done", "alike": 3, "compared": 2, "expired": 1, "asked_again": 1},
            "3; 2 compared, 1 had expired, 1 of them asked for again.",
        ),
    ):
        assert search_in_words(search).removeprefix("Pictures seen before that resemble it: ") == said
