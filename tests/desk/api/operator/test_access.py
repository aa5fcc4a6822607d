"""Test that only the operator on the installation's machine can call the operator's operations."""

import re
from typing import Any

import pytest
from django.test import Client

from desk.api.api import api
from desk.cli.api import BASE_PATH
from registry.members import accounts, tokens
from registry.models import Membership, Owner, Role, Scope, User
from tests.assets.command_line import Terminal

OPERATIONS = [
    (method.upper(), path)
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method, operation in methods.items()
    if "operator" in operation["tags"]
]


def fill_path(path: str, studio: str) -> str:
    """Return the path with values for its parameters."""
    values = {"owner": studio, "digest": "0" * 64, "key": "0" * 8, "number": "1", "bundle": "1"}
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[1]), path)


@pytest.fixture
def ann(studio: str) -> User:
    """An operator who also owns the studio."""
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", is_staff=True)
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.OWNER)
    return user


def test_operator_paths_are_all_guarded() -> None:
    every = {
        (method.upper(), path)
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
        if path.startswith(f"{BASE_PATH}/operator/")
    }
    assert every <= set(OPERATIONS)
    assert len(OPERATIONS) > 50


def test_api_tokens_and_member_sessions_cannot_access_operator_paths(cli: Terminal, studio: str, ann: User) -> None:
    secret = tokens.create_token(Owner.objects.get(), ann, name="all", scopes=list(Scope), days=1)[1]
    session = Client()
    session.force_login(ann)
    clients: dict[str, tuple[Client, dict[str, Any]]] = {
        "a token": (Client(), {"Authorization": f"Bearer {secret}"}),
        "a session": (session, {}),
    }
    for who, (client, headers) in clients.items():
        for method, path in OPERATIONS:
            response = client.generic(method, fill_path(path, studio), "{}", "application/json", headers=headers)
            assert response.status_code == 403, (who, method, path, response.content)
    for method, path in OPERATIONS:
        response = Client().generic(method, fill_path(path, studio), "{}", "application/json")
        assert response.status_code == 401, (method, path)


def test_operator_acting_as_a_member_has_member_rights(cli: Terminal, studio: str, ann: User) -> None:
    cli.run("api", "GET", "/operator/log", "--as", ann.email, code=2)
    assert cli.api("GET", "/operator/log")["entries"] >= 0
    assert accounts.get_user(ann.email) == ann
