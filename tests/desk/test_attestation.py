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

from exhibit.config.values import parse_aaguids
from registry.models import LogOpening, Membership, Owner, User
from tests.assets.accounts import PASSWORD, ann, attempt_sign_in, browser
from tests.assets.pages import select
from tests.assets.passkeys import MODEL, DeviceMaker, Passkey

__all__ = ["ann", "browser"]
ADD_PASSKEY_URL = "/account/2fa/webauthn/add/"
MAKER, OTHER_MAKER = DeviceMaker(), DeviceMaker()
OLD_MODEL, NO_MODEL = UUID("00000000-0000-4000-8000-000000000001"), UUID(int=0)


@pytest.fixture
def require_attestation(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that enables required attestation, with roots from a folder and permitted models."""

    def demanded(*kinds: UUID, pem: bytes = MAKER.pem, place: str = "makers") -> Any:  # noqa: ANN401 - Django's
        (tmp_path / "makers").mkdir(exist_ok=True)
        (tmp_path / "makers" / "maker.pem").write_bytes(pem)
        config = replace(settings.CONFIG, data_dir=tmp_path, passkey_roots=place)
        return override_settings(CONFIG=replace(config, passkey_aaguids=tuple(map(str, kinds))))

    return demanded  # type: ignore[return-value]


@pytest.fixture
def client(ann: User, browser: Callable[[], Client]) -> Client:
    """Return Ann's client just after she entered her password."""
    http_client = browser()
    attempt_sign_in(http_client, ann.email)
    http_client.post("/account/reauthenticate/", {"password": PASSWORD})
    return http_client


def create_passkey() -> Passkey:
    return Passkey(ec.generate_private_key(ec.SECP256R1()))


def submit_passkey(client: Client, key: Passkey | None = None, **overrides: Any) -> str:  # noqa: ANN401 - as `registration` takes it
    """Add a passkey as a browser does, and return the page that follows."""
    options = client.get(ADD_PASSKEY_URL).context["js_data"]["creation_options"]["publicKey"]
    relying_party = {"site": "testserver", "origin": "http://testserver"}
    credential = (key or create_passkey()).registration(options["challenge"], **{**relying_party, **overrides})
    return client.post(
        ADD_PASSKEY_URL, {"name": "My key", "credential": json.dumps(credential)}, follow=True
    ).content.decode()


def count_passkeys() -> int:
    return len(Authenticator.objects.filter(type="webauthn"))


def test_attestation_is_not_requested_by_default(client: Client) -> None:
    assert "attestation" not in client.get(ADD_PASSKEY_URL).context["js_data"]["creation_options"]["publicKey"]
    submit_passkey(client, form="none", aaguid=NO_MODEL)
    submit_passkey(client, maker=OTHER_MAKER)
    assert count_passkeys() == 2
    assert not LogOpening.objects.filter(content__attested__isnull=False).exists()


def test_passkey_of_a_trusted_manufacturer_is_added_and_its_model_is_logged(
    client: Client, require_attestation: Callable[..., Any]
) -> None:
    with require_attestation():
        options = client.get(ADD_PASSKEY_URL).context["js_data"]["creation_options"]["publicKey"]
        assert options["attestation"] == "direct"
        submit_passkey(client, maker=MAKER)
    expected = {"aaguid": str(MODEL), "format": "packed"}
    assert Authenticator.objects.get(type="webauthn").data["attested"] == expected
    assert LogOpening.objects.get(content__use="passkey").content["attested"] == expected
    page = client.get(reverse("security", args=["studio"])).content.decode()
    assert "My key" in page
    assert f"packed, AAGUID {MODEL}" in page


@pytest.mark.parametrize(
    "overrides",
    [
        {"maker": OTHER_MAKER},
        {"maker": DeviceMaker(root=OTHER_MAKER)},
        {"maker": None},
        {"form": "none"},
        {"form": "none", "aaguid": NO_MODEL},
        {"maker": MAKER, "form": "unheard-of"},
        {"maker": MAKER, "aaguid": OLD_MODEL},
        {"maker": DeviceMaker(root=MAKER, ca=False)},
        {"maker": DeviceMaker(root=MAKER, days=(-9, -2))},
        {"maker": DeviceMaker(root=MAKER, days=(2, 9))},
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
def test_untrusted_attestation_is_rejected_with_a_hint(
    client: Client, require_attestation: Callable[..., Any], overrides: dict[str, Any]
) -> None:
    with require_attestation():
        assert select(submit_passkey(client, **overrides), ".errorlist")
        assert count_passkeys() == 0
        submit_passkey(client, maker=DeviceMaker(root=MAKER))
        assert count_passkeys() == 1


def test_attestation_of_a_different_key_is_rejected(client: Client, require_attestation: Callable[..., Any]) -> None:
    with require_attestation():
        options = client.get(ADD_PASSKEY_URL).context["js_data"]["creation_options"]["publicKey"]
        relying_party: dict[str, Any] = {"site": "testserver", "origin": "http://testserver", "maker": MAKER}
        vouched, forged_credential = (
            create_passkey().registration(options["challenge"], **relying_party) for _ in range(2)
        )
        first, second = (
            AttestationObject(websafe_decode(credential["response"]["attestationObject"]))
            for credential in (vouched, forged_credential)
        )
        mixed = AttestationObject.create("packed", second.auth_data, first.att_stmt)
        forged_credential["response"]["attestationObject"] = websafe_encode(mixed)
        assert select(
            client.post(ADD_PASSKEY_URL, {"name": "", "credential": json.dumps(forged_credential)}), ".errorlist"
        )
        assert count_passkeys() == 0


def test_only_listed_models_of_a_manufacturer_are_accepted(
    client: Client, require_attestation: Callable[..., Any]
) -> None:
    with require_attestation(OLD_MODEL):
        assert f"AAGUID {MODEL}" in submit_passkey(client, maker=MAKER)
        assert count_passkeys() == 0
    with require_attestation(OLD_MODEL, MODEL):
        # the device does not sign the values in a statement of the older format
        assert f"AAGUID {NO_MODEL}" in submit_passkey(client, maker=MAKER, form="fido-u2f")
        assert count_passkeys() == 0
        submit_passkey(client, maker=MAKER)
    with require_attestation():
        submit_passkey(client, maker=MAKER, form="fido-u2f")
    rows = Authenticator.objects.filter(type="webauthn").order_by("pk")
    assert [row.data["attested"]["aaguid"] for row in rows] == [str(MODEL), str(NO_MODEL)]
    assert parse_aaguids(str(MODEL).upper()) == (str(MODEL),)
    with pytest.raises(ValueError, match="UUID"):
        parse_aaguids(["yubikey"])


@pytest.mark.parametrize("settings_of", [{"pem": b"nonsense"}, {"place": "absent"}, {"place": ""}])
def test_unreadable_certificates_prevent_adding_and_are_reported(
    client: Client, require_attestation: Callable[..., Any], settings_of: dict[str, Any]
) -> None:
    with require_attestation(MODEL, **settings_of):
        page = submit_passkey(client, maker=MAKER)
        assert "passkey_roots" in page
        assert count_passkeys() == 0


def test_sensitive_actions_require_passkeys_of_currently_trusted_manufacturers(
    client: Client, ann: User, require_attestation: Callable[..., Any]
) -> None:
    Owner.objects.update(passkeys=True)

    def request_options() -> Any:  # noqa: ANN401 - JSON
        return client.post(reverse("ask-passkey", args=["studio"]), {"act": "off", "of": ""}).json()

    submit_passkey(client, form="none")
    with require_attestation():
        assert request_options()["problem"]
        submit_passkey(client, maker=MAKER)
        [offered] = request_options()["publicKey"]["allowCredentials"]
    assert len(request_options()["publicKey"]["allowCredentials"]) == 2
    last = Authenticator.objects.filter(type="webauthn").latest("pk")
    assert last.data["credential"]["id"] == offered["id"]
    with require_attestation(pem=OTHER_MAKER.pem):
        assert "problem" in request_options()
    with require_attestation(OLD_MODEL):
        assert "problem" in request_options()


def test_members_see_their_own_passkeys_and_managers_see_all(
    client: Client, ann: User, browser: Callable[[], Client]
) -> None:
    submit_passkey(client, form="none")
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
