"""Test request IDs, and the removal of control characters from requests."""

import logging

import pytest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory
from django.urls import resolve

from desk.web.middleware.requests import clean_form_input, log_requests
from exhibit.logs import get_log_context
from registry.models import Work
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene"]


def test_control_characters_in_pasted_text_are_removed(scene: Scene) -> None:
    address = scene.addresses()["edit-work"]
    form = {
        "title": "Har\x1bbour\r\n at \u202edawn",
        "author": "Ann\x00",
        "rights_statement": "one\r\ntwo\x9b",
        "reason": "w",
    }
    form |= {"author_kind": "person", "medium": ""}
    assert scene.alice.post(address, form).status_code == 302
    row = Work.objects.get()
    assert (row.title, row.author) == ("Harbour at dawn", "Ann")
    assert row.rights_statement.split() == ["one", "two"]


def test_request_id_is_in_response_and_log_without_secrets_of_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    within: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        within.append(str(get_log_context()["request_id"]))
        request.resolver_match = resolve("/feeds/the-secret/cases.atom")
        return HttpResponse(status=204)

    with caplog.at_level(logging.INFO, "exhibit.request"):
        responses = [log_requests(view)(RequestFactory().get("/feeds/the-secret/cases.atom?q=me")) for _ in range(2)]
    assert [answer.headers["X-Request-ID"] for answer in responses] == within
    assert within[0] != within[1]
    assert [answer.getMessage() for answer in caplog.records] == ["/feeds/<str:secret>/cases.atom"] * 2
    assert {answer.__dict__["status"] for answer in caplog.records} == {204}
    assert "the-secret" not in str([answer.__dict__ for answer in caplog.records])


def test_control_characters_are_removed_from_forms_but_not_passwords() -> None:
    forms: list[QueryDict] = []

    def view(request: HttpRequest) -> HttpResponse:
        forms.append(request.POST)
        return HttpResponse()

    form = {"note": ["a\x1b[2Jb", "\u202ec"], "password1": "pass\x07word"}
    clean_form_input(view)(RequestFactory().post("/o/studio/works/add", form))
    assert forms[0].getlist("note") == ["a[2Jb", "c"]
    assert forms[0]["password1"] == "pass\x07word"
    clean_form_input(view)(RequestFactory().post("/api/v1/owners/studio/works", form))
    assert forms[1]["note"] == "\u202ec"  # programs get an error instead
