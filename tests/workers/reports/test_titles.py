from django.utils import translation

from workers.reports import titles


def test_a_title_that_nobody_gave_is_read_in_the_readers_language() -> None:
    kept = titles.numbered(3, "Studio")
    assert (titles.given(kept, 3, "Studio"), titles.given("Autumn", 3, "Studio")) == ("", "Autumn")
    assert titles.in_words(kept, 3, "Studio") == kept
    with translation.override("zh-hans"):
        assert titles.in_words(kept, 3, "Studio") != kept
        assert titles.in_words("Autumn", 3, "Studio") == "Autumn"
