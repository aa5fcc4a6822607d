"""Test the rate limits of programs."""

import time
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from desk.api.common import limits
from registry.members import tokens
from registry.models import Owner
from tests.assets.programs import PROBLEM, ROOT, Program, alice, file_of, studio

__all__ = ["alice", "studio"]


def test_too_many_requests_are_told_to_wait(studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    limit = settings.CONFIG.api_requests_a_minute
    key = f"exhibit:api:token:{tokens.tokens_of(studio).get().pk}:{int(time.time()) // 60}"
    limits._redis().set(key, limit - 1, ex=60)
    last = alice.client.get(ROOT)
    assert (last.status_code, last.headers["RateLimit"].split(";")[1]) == (200, "r=0")
    over = alice.client.get(ROOT)
    assert over.status_code == 429
    assert 0 < int(over.headers["Retry-After"]) <= 60
    assert over.headers["Content-Type"] == PROBLEM


def test_asking_for_what_belongs_to_others_counts_as_well(
    studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    key = f"exhibit:api:token:{tokens.tokens_of(studio).get().pk}:{int(time.time()) // 60}"
    limits._redis().delete(key)
    for place in range(1, 3):
        answer = alice.client.get("/api/v1/owners/somebody-else")
        assert answer.status_code == 404
        left = settings.CONFIG.api_requests_a_minute - place
        assert answer.headers["RateLimit"].split(";")[1] == f"r={left}"


def test_pictures_are_identified_one_at_a_time_and_so_many_a_minute(
    studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> Any:  # noqa: ANN401 - Django's answer in tests
        return alice.client.post(ROOT + "/identify", {"file": file_of("a.jpg", b"no picture")})

    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    with limits.SEARCHING:
        busy = asked()
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "5")
    assert asked().status_code == 422
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    few = replace(settings.CONFIG, identifications_a_minute=2)
    monkeypatch.setattr(settings, "CONFIG", few)
    answers = [asked() for _ in range(3)]
    assert [one.status_code for one in answers] == [422, 422, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
