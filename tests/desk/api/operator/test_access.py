"""Test that only the operator on the installation's machine can call the operator's operations."""

import re
from typing import Any

import pytest
from django.test import Client

from desk.api.api import api
from desk.cli.api import BELOW
from registry.members import people, tokens
from registry.models import Membership, Owner, Role, Scope, User
from tests.assets.command_line import Terminal

OPERATIONS = [
    (method.upper(), path)
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method, one in methods.items()
    if "operator" in one["tags"]
]


def numbered(path: str, studio: str) -> str:
    """Return the path with values for its parameters."""
    values = {"owner": studio, "digest": "0" * 64, "key": "0" * 8, "number": "1", "bundle": "1"}
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[1]), path)


@pytest.fixture
def ann(studio: str) -> User:
    """An operator who also owns the studio."""
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", is_staff=True)
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.OWNER)
    return user


def test_the_paths_below_operator_are_all_guarded() -> None:
    every = {
        (method.upper(), path)
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
        if path.startswith(f"{BELOW}/operator/")
    }
    assert every <= set(OPERATIONS)
    assert len(OPERATIONS) > 50


def test_no_token_and_no_session_opens_them(cli: Terminal, studio: str, ann: User) -> None:
    secret = tokens.make(Owner.objects.get(), ann, name="all", scopes=list(Scope), days=1)[1]
    session = Client()
    session.force_login(ann)
    clients: dict[str, tuple[Client, dict[str, Any]]] = {
        "a token": (Client(), {"Authorization": f"Bearer {secret}"}),
        "a session": (session, {}),
    }
    for who, (client, headers) in clients.items():
        for method, path in OPERATIONS:
            answer = client.generic(method, numbered(path, studio), "{}", "application/json", headers=headers)
            assert answer.status_code == 403, (who, method, path, answer.content)
    for method, path in OPERATIONS:
        answer = Client().generic(method, numbered(path, studio), "{}", "application/json")
        assert answer.status_code == 401, (method, path)


def test_the_operator_who_acts_as_a_member_is_a_member(cli: Terminal, studio: str, ann: User) -> None:
    cli.run("api", "GET", "/operator/log", "--as", ann.email, code=2)
    assert cli.api("GET", "/operator/log")["entries"] >= 0
    assert people.user(ann.email) == ann
