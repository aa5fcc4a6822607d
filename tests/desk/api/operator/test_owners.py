"""Test the operator's settings of an owner."""

from base64 import b64encode
from pathlib import Path

import pytest

from evidence.__main__ import main
from registry.alliance.pdq_feed import build_feed
from registry.models import Bundle, Membership, Owner, Role, User
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph, register


def test_owner_options_can_be_changed_individually(cli: Terminal, studio: str) -> None:
    assert cli.api("PATCH", "options", derived_works="true") == {
        "derived_works": True,
        "web_archive": False,
        "requires_passkeys": False,
    }
    assert cli.api("PATCH", "options", web_archive="true", derived_works="null")["derived_works"]
    assert cli.api("PATCH", "options", derived_works="false", requires_passkeys="true") == {
        "derived_works": False,
        "web_archive": True,
        "requires_passkeys": True,
    }


def test_signing_key_is_listed_revoked_and_exported_as_a_certificate(cli: Terminal, studio: str, folder: Path) -> None:
    cli.run("key", "rotate", "--reason", "the first one")
    (first,) = cli.api("GET", "keys")["items"]
    assert (first["owner"], first["use"], first["state"]) == (studio, "sealing", "in use")
    data = cli.api("POST", f"keys/{first['public'][:8]}/revoke", reason="the disk was stolen")
    assert (data["state"], data["revoked_reason"]) == ("revoked", "the disk was stolen")
    cli.run("api", "POST", "keys/00000000/revoke", "--field", "reason=x", code=2)
    cli.run("api", "GET", "certificate", "--output", folder / "studio.pem", code=2)
    cli.run("key", "rotate", "--use", "documents", "--reason", "yearly")
    cli.run("api", "GET", "certificate", "--output", folder / "studio.pem")
    assert (folder / "studio.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.long
def test_bundle_is_countersigned_on_the_owners_device(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    manifest = folder / "manifest.json"
    cli.run("api", "GET", "cases/1/bundles/1/manifest", "--output", manifest)
    assert main(["make-key", str(folder / "device.key")]) == 0
    assert main(["sign", "--key", str(folder / "device.key"), str(manifest)]) == 0
    signature = b64encode((folder / "manifest.json.sig").read_bytes()).decode()
    sign = ("POST", "cases/1/bundles/1/countersignatures")
    cli.run("api", *sign, "--field", f"signature={signature}", code=2)
    cli.api("POST", "keys", name="laptop", public_key=(folder / "device.key.pub").read_text())
    cli.run("api", *sign, "--field", f"signature={b64encode(bytes(64)).decode()}", code=2)
    cli.run("api", *sign, "--field", "signature=short", code=2)
    assert cli.api(*sign, signature=signature) == {"case": 1, "bundle": 1, "key": "laptop"}


def test_work_hash_is_published_and_withdrawn(cli: Terminal, studio: str) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1))
    assert cli.api("PUT", "works/1/feed") is None
    published = build_feed(cli.desk.services)["feed.csv"]
    cli.api("DELETE", "works/1/feed")
    assert len(build_feed(cli.desk.services)["feed.csv"].splitlines()) == len(published.splitlines()) - 1
    cli.run("api", "PUT", "works/2/feed", code=2)


def test_password_is_reset_and_operator_links_are_created(cli: Terminal, studio: str) -> None:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org")
    Membership.objects.create(user=user, owner=Owner.objects.get(), role=Role.OWNER)
    data = cli.api("POST", "/operator/passwords", email="Ann@example.org")
    user.refresh_from_db()
    assert user.check_password(data["password"])
    cli.run("api", "POST", "/operator/passwords", "--field", "email=bob@example.org", code=2)
    links = {cli.api("POST", "/operator/links")["link"] for _ in range(2)}
    assert len(links) == 2
