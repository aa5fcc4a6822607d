"""Test that requests with unknown fields or control characters are refused."""

import pytest
from pydantic import ValidationError

from desk.schemas.requests import NewDecision, NewLicence, NewNote, NewSource, NewWatch, WatchChange
from exhibit.plain import plain


def test_a_field_that_is_not_known_is_no_nothing() -> None:
    for request in (NewDecision, NewNote, NewWatch):
        with pytest.raises(ValidationError) as refused:
            request.model_validate({"decison": "open"})
        assert "extra_forbidden" in {one["type"] for one in refused.value.errors()}


def test_characters_that_act_on_a_screen_are_refused_as_they_are_elsewhere() -> None:
    for sign in "\x00\x1b\x7f\u2028\u202e\u2066\ufffe":
        assert plain(sign) != sign
        with pytest.raises(ValidationError):
            NewNote(text=f"a{sign}b")
    for blank in ("", " ", "\u3000"):
        with pytest.raises(ValidationError):
            NewNote(text=blank)
    assert NewNote(text="灯塔\nline two").text == "灯塔\nline two"


def test_limits_are_those_that_were_said_and_within_bounds() -> None:
    given = {
        "name": "shop",
        "sources": [{"url": "https://a.example/"}],
        "pages": 9,
        "depth": 0,
        "render": "auto",
        "delay": 0.5,
    }
    watch = NewWatch.model_validate(given)
    assert (watch.budget, watch.politeness) == ({"pages": 9, "depth": 0, "render": "auto"}, {"delay": 0.5})
    nothing = WatchChange.model_validate({})
    assert (nothing.budget, nothing.politeness) == ({}, {})
    wrong: tuple[dict[str, object], ...] = ({"pages": 0}, {"delay": 0.1}, {"every_seconds": 59}, {"sources": []})
    for one in wrong:
        with pytest.raises(ValidationError):
            WatchChange.model_validate(one)
    with pytest.raises(ValidationError):
        NewLicence.model_validate({"licensee": "A shop", "territories": ["de"]})
    with pytest.raises(ValidationError):
        NewSource(url="ftp://a.example/")
