"""Test that oversized requests are refused before they are read."""

from django.test import Client

from registry.members import tokens
from registry.models import Owner, User
from tests.assets.accounts import ann

__all__ = ["ann"]


def test_who_is_not_signed_in_brings_no_megabytes(ann: User) -> None:
    large = str(2 * 1024 * 1024)
    assert Client().post("/sign-in/", CONTENT_LENGTH=large).status_code == 413
    made_up = Client(headers={"Authorization": "Bearer exh_made-up"})
    assert made_up.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 413
    _, secret = tokens.make(Owner.objects.get(), ann, name="Nightly", scopes=["read"], days=1)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 403
    member = Client()
    member.force_login(ann)
    assert member.get("/account/", CONTENT_LENGTH=large).status_code == 200
    answer = member.post("/o/studio/tokens/make", CONTENT_LENGTH=str(200 * 1024 * 1024))
    assert answer.status_code == 413
    assert b"Too much at once" in answer.content
