"""Test that requests with unknown fields or control characters are rejected."""

import pytest
from pydantic import ValidationError

from desk.schemas.requests import NewDecision, NewLicence, NewNote, NewSource, NewWatch, WatchChange
from exhibit.plain import remove_control_chars


def test_unknown_field_is_rejected() -> None:
    for request in (NewDecision, NewNote, NewWatch):
        with pytest.raises(ValidationError) as raised_error:
            request.model_validate({"decison": "open"})
        assert "extra_forbidden" in {error["type"] for error in raised_error.value.errors()}


def test_control_characters_are_rejected() -> None:
    for sign in "\x00\x1b\x7f\u2028\u202e\u2066\ufffe":
        assert remove_control_chars(sign) != sign
        with pytest.raises(ValidationError):
            NewNote(text=f"a{sign}b")
    for blank in ("", " ", "\u3000"):
        with pytest.raises(ValidationError):
            NewNote(text=blank)
    assert NewNote(text="灯塔\nline two").text == "灯塔\nline two"


def test_watch_limits_are_validated_and_stored() -> None:
    fields = {
        "name": "shop",
        "sources": [{"url": "https://a.example/"}],
        "pages": 9,
        "depth": 0,
        "render": "auto",
        "delay": 0.5,
    }
    watch = NewWatch.model_validate(fields)
    assert (watch.budget, watch.politeness) == ({"pages": 9, "depth": 0, "render": "auto"}, {"delay": 0.5})
    empty_change = WatchChange.model_validate({})
    assert (empty_change.budget, empty_change.politeness) == ({}, {})
    invalid_changes: tuple[dict[str, object], ...] = (
        {"pages": 0},
        {"delay": 0.1},
        {"every_seconds": 59},
        {"sources": []},
    )
    for case in invalid_changes:
        with pytest.raises(ValidationError):
            WatchChange.model_validate(case)
    with pytest.raises(ValidationError):
        NewLicence.model_validate({"licensee": "A shop", "territories": ["de"]})
    with pytest.raises(ValidationError):
        NewSource(url="ftp://a.example/")
