"""Test that passkeys need an attestation of a trusted manufacturer where the operator requires one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject

from exhibit.config.values import aaguids
from registry.models import LogOpening, Membership, Owner, User
from tests.assets.accounts import PASSWORD, ann, browser, try_in
from tests.assets.pages import select
from tests.assets.passkeys import MODEL, Maker, Passkey

__all__ = ["ann", "browser"]
ADD = "/account/2fa/webauthn/add/"
MAKER, STRANGER = Maker(), Maker()
OLD, NONE = UUID("00000000-0000-4000-8000-000000000001"), UUID(int=0)


@pytest.fixture
def demanding(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A function that makes the operator require attestation: roots in a folder, permitted models."""

    def demanded(*kinds: UUID, pem: bytes = MAKER.pem, place: str = "makers") -> Any:  # noqa: ANN401 - Django's
        (tmp_path / "makers").mkdir(exist_ok=True)
        (tmp_path / "makers" / "maker.pem").write_bytes(pem)
        config = replace(settings.CONFIG, data_dir=tmp_path, passkey_roots=place)
        return override_settings(CONFIG=replace(config, passkey_aaguids=tuple(map(str, kinds))))

    return demanded  # type: ignore[return-value]


@pytest.fixture
def client(ann: User, browser: Callable[[], Client]) -> Client:
    """Ann, who has just entered her password."""
    made = browser()
    try_in(made, ann.email)
    made.post("/account/reauthenticate/", {"password": PASSWORD})
    return made


def new_key() -> Passkey:
    return Passkey(ec.generate_private_key(ec.SECP256R1()))


def add(client: Client, key: Passkey | None = None, **told: Any) -> str:  # noqa: ANN401 - as `registration` takes it
    """Add a passkey as a browser does, and return the page that follows."""
    options = client.get(ADD).context["js_data"]["creation_options"]["publicKey"]
    here = {"site": "testserver", "origin": "http://testserver"}
    credential = (key or new_key()).registration(options["challenge"], **{**here, **told})
    return client.post(ADD, {"name": "My key", "credential": json.dumps(credential)}, follow=True).content.decode()


def keys() -> int:
    return len(Authenticator.objects.filter(type="webauthn"))


def test_nobody_is_asked_by_default(client: Client) -> None:
    assert "attestation" not in client.get(ADD).context["js_data"]["creation_options"]["publicKey"]
    add(client, form="none", aaguid=NONE)
    add(client, maker=STRANGER)
    assert keys() == 2
    assert not LogOpening.objects.filter(content__attested__isnull=False).exists()


def test_a_passkey_of_a_trusted_maker_is_added_and_the_log_and_the_page_say_of_which_kind(
    client: Client, demanding: Callable[..., Any]
) -> None:
    with demanding():
        options = client.get(ADD).context["js_data"]["creation_options"]["publicKey"]
        assert options["attestation"] == "direct"
        add(client, maker=MAKER)
    found = {"aaguid": str(MODEL), "format": "packed"}
    assert Authenticator.objects.get(type="webauthn").data["attested"] == found
    assert LogOpening.objects.get(content__use="passkey").content["attested"] == found
    page = client.get(reverse("security", args=["studio"])).content.decode()
    assert "My key" in page
    assert f"packed, AAGUID {MODEL}" in page


@pytest.mark.parametrize(
    "told",
    [
        {"maker": STRANGER},
        {"maker": Maker(root=STRANGER)},
        {"maker": None},
        {"form": "none"},
        {"form": "none", "aaguid": NONE},
        {"maker": MAKER, "form": "unheard-of"},
        {"maker": MAKER, "aaguid": OLD},
        {"maker": Maker(root=MAKER, ca=False)},
        {"maker": Maker(root=MAKER, days=(-9, -2))},
        {"maker": Maker(root=MAKER, days=(2, 9))},
    ],
    ids=[
        "stranger",
        "another root of the name",
        "own",
        "none",
        "none, zeros",
        "format",
        "model",
        "CA",
        "past",
        "early",
    ],
)
def test_what_no_trusted_maker_vouches_for_is_refused_with_what_to_do(
    client: Client, demanding: Callable[..., Any], told: dict[str, Any]
) -> None:
    with demanding():
        assert select(add(client, **told), ".errorlist")
        assert keys() == 0
        add(client, maker=Maker(root=MAKER))
        assert keys() == 1


def test_a_statement_about_another_key_is_refused(client: Client, demanding: Callable[..., Any]) -> None:
    with demanding():
        options = client.get(ADD).context["js_data"]["creation_options"]["publicKey"]
        here: dict[str, Any] = {"site": "testserver", "origin": "http://testserver", "maker": MAKER}
        vouched, lie = (new_key().registration(options["challenge"], **here) for _ in range(2))
        found, wanted = (
            AttestationObject(websafe_decode(one["response"]["attestationObject"])) for one in (vouched, lie)
        )
        mixed = AttestationObject.create("packed", wanted.auth_data, found.att_stmt)
        lie["response"]["attestationObject"] = websafe_encode(mixed)
        assert select(client.post(ADD, {"name": "", "credential": json.dumps(lie)}), ".errorlist")
        assert keys() == 0


def test_of_the_kinds_of_a_maker_only_those_that_are_listed_are_allowed(
    client: Client, demanding: Callable[..., Any]
) -> None:
    with demanding(OLD):
        assert f"AAGUID {MODEL}" in add(client, maker=MAKER)
        assert keys() == 0
    with demanding(OLD, MODEL):
        # the device does not sign the values in a statement of the older format
        assert f"AAGUID {NONE}" in add(client, maker=MAKER, form="fido-u2f")
        assert keys() == 0
        add(client, maker=MAKER)
    with demanding():
        add(client, maker=MAKER, form="fido-u2f")
    rows = Authenticator.objects.filter(type="webauthn").order_by("pk")
    assert [row.data["attested"]["aaguid"] for row in rows] == [str(MODEL), str(NONE)]
    assert aaguids(str(MODEL).upper()) == (str(MODEL),)
    with pytest.raises(ValueError, match="UUID"):
        aaguids(["yubikey"])


@pytest.mark.parametrize("settings_of", [{"pem": b"nonsense"}, {"place": "absent"}, {"place": ""}])
def test_where_the_certificates_cannot_be_read_nothing_is_added_and_it_is_told(
    client: Client, demanding: Callable[..., Any], settings_of: dict[str, Any]
) -> None:
    with demanding(MODEL, **settings_of):
        page = add(client, maker=MAKER)
        assert "passkey_roots" in page
        assert keys() == 0


def test_grave_decisions_are_signed_only_by_passkeys_of_makers_that_are_trusted_now(
    client: Client, ann: User, demanding: Callable[..., Any]
) -> None:
    Owner.objects.update(passkeys=True)

    def asked() -> Any:  # noqa: ANN401 - JSON
        return client.post(reverse("ask-passkey", args=["studio"]), {"act": "off", "of": ""}).json()

    add(client, form="none")
    with demanding():
        assert asked()["problem"]
        add(client, maker=MAKER)
        [offered] = asked()["publicKey"]["allowCredentials"]
    assert len(asked()["publicKey"]["allowCredentials"]) == 2
    last = Authenticator.objects.filter(type="webauthn").latest("pk")
    assert last.data["credential"]["id"] == offered["id"]
    with demanding(pem=STRANGER.pem):
        assert "problem" in asked()
    with demanding(OLD):
        assert "problem" in asked()


def test_members_see_their_own_passkeys_and_who_runs_the_owner_sees_all(
    client: Client, ann: User, browser: Callable[[], Client]
) -> None:
    add(client, form="none")
    bob = User.objects.create_user("bob@example.org", "bob@example.org", PASSWORD)
    Membership.objects.create(user=bob, owner=Owner.objects.get(), role="reviewer")
    other = browser()
    other.force_login(bob)
    address = reverse("security", args=["studio"])
    assert "My key" in client.get(address).content.decode()
    assert "My key" not in other.get(address).content.decode()
    Membership.objects.filter(user=bob).update(role="owner")
    page = other.get(address).content.decode()
    assert "My key" in page
    assert ann.email in page
