"""Programs that use the API in tests, each with a token of a member of a studio."""

import io
import json
from typing import Any

import pytest
from django.test import Client

from registry.members import tokens
from registry.models import Membership, Owner, Role, Scope, User
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import owner
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["scene"]
ROOT = "/api/v1/owners/studio"
PROBLEM = "application/problem+json"


class Program:
    """A program with a token. Its requests and the responses are JSON."""

    def __init__(self, secret: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str) -> tuple[int, Any]:
        answer = self.client.get(ROOT + path)
        return answer.status_code, answer.json()

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = self.client.generic(method, ROOT + path, json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json() if answer.content else None

    def post(self, path: str, body: object, key: str = "") -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client.post(ROOT + path, json.dumps(body), content_type="application/json", headers=headers)
        return answer.status_code, answer.json()

    def form(self, path: str, fields: dict[str, Any]) -> tuple[int, Any]:
        answer = self.client.post(ROOT + path, fields)
        return answer.status_code, answer.json()


def file_of(name: str, data: bytes) -> io.BytesIO:
    """Return a file as a form sends it."""
    file = io.BytesIO(data)
    file.name = name
    return file


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with two members and no other data."""
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    studio_owner = owner("studio")
    for name, role in (("alice", Role.OWNER), ("bob", Role.VIEWER)):
        address = f"{name}@example.org"
        user = User.objects.create_user(username=address, email=address, password="not used")
        Membership.objects.create(user=user, owner=studio_owner, role=role)
    return studio_owner


@pytest.fixture
def alice(studio: Owner) -> Program:
    return create_program(studio, "alice")


@pytest.fixture
def scene_of_programs(scene: Scene, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    return scene


@pytest.fixture
def decider(scene_of_programs: Scene) -> Program:
    return create_program(scene_of_programs.studio, "alice")


def create_program(token_owner: Owner, name: str, *scopes: Scope) -> Program:
    user = User.objects.get(username=f"{name}@example.org")
    token_scopes = scopes or tuple(tokens.list_permitted_scopes(token_owner, user))
    return Program(tokens.create_token(token_owner, user, name="program", scopes=token_scopes, days=1)[1])
