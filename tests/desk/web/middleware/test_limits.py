"""Test that oversized requests are rejected before they are read."""

from django.test import Client

from registry.members import tokens
from registry.models import Owner, User
from tests.assets.accounts import ann
from tests.assets.pages import select

__all__ = ["ann"]


def test_anonymous_requests_are_limited_in_size(ann: User) -> None:
    large = str(2 * 1024 * 1024)
    assert Client().post("/sign-in/", CONTENT_LENGTH=large).status_code == 413
    made_up = Client(headers={"Authorization": "Bearer exh_made-up"})
    assert made_up.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 413
    _, secret = tokens.create_token(Owner.objects.get(), ann, name="Nightly", scopes=["read"], days=1)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 403
    member = Client()
    member.force_login(ann)
    assert member.get("/account/", CONTENT_LENGTH=large).status_code == 200
    response = member.post("/o/studio/tokens/make", CONTENT_LENGTH=str(200 * 1024 * 1024))
    assert response.status_code == 413
    assert select(response, "main h1")
