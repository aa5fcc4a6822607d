"""Test second factors: single-use codes, keys, passkeys."""

from collections.abc import Callable

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client, override_settings

from exhibit.errors import IntegrityError
from registry.members import accounts
from registry.models import User
from tests.assets.accounts import PASSWORD, ann, attempt_sign_in, browser, sign_in, totp_code
from tests.assets.rows import owner

__all__ = ["ann", "browser"]


def test_second_factor_must_be_used_again_before_it_is_removed(ann: User) -> None:
    TOTP.activate(ann, generate_totp_secret())
    codes = RecoveryCodes.activate(ann)
    key = Authenticator.objects.create(user=ann, type="webauthn", data={"name": "Key"})
    client = Client(REMOTE_ADDR="2001:db8:5::2")
    client.force_login(ann)
    removing = ["/account/2fa/totp/deactivate/", f"/account/2fa/webauthn/keys/{key.pk}/remove/"]
    for address in [*removing, "/account/2fa/recovery-codes/generate/"]:
        assert client.post(address).headers["Location"].startswith("/account/reauthenticate/"), address
    assert client.get("/account/2fa/recovery-codes/").headers["Location"].startswith("/account/reauthenticate/")
    assert Authenticator.objects.filter(user=ann).count() == 3
    code = codes.get_unused_codes()[0]
    client.post(f"/account/2fa/reauthenticate/?next={removing[0]}", {"code": code})
    for address in removing:
        client.post(address)
    assert not Authenticator.objects.filter(user=ann, type__in=["totp", "webauthn"]).exists()


def test_security_key_of_other_user_is_not_found(ann: User) -> None:
    accounts.add_member(owner("agency"), "eve@example.org", "owner", PASSWORD, by="test")
    key = Authenticator.objects.create(user=ann, type="webauthn", data={"name": "Key"})
    eve = Client()
    eve.force_login(User.objects.get(email="eve@example.org"))
    for operation in ("edit", "remove"):
        response = eve.get(f"/account/2fa/webauthn/keys/{key.pk}/{operation}/")
        assert response.status_code in (302, 404)
        assert b"Key" not in response.content
    assert Authenticator.objects.filter(pk=key.pk).exists()


@pytest.mark.long
def test_second_factor_is_requested_and_its_secret_is_encrypted(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    attempt_sign_in(client, ann.email)
    page = client.get("/account/2fa/totp/activate/", follow=True)
    if page.redirect_chain:
        page = client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = str(client.session["mfa.totp.secret"])
    assert secret in page.content.decode()
    client.post("/account/2fa/totp/activate/", {"code": totp_code(secret)})
    row = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert secret not in str(row.data)
    assert get_adapter().decrypt(row.data["secret"]) == secret
    other = browser()
    attempt_sign_in(other, ann.email)
    assert not sign_in(other)
    other.post("/account/2fa/authenticate/", {"code": "000000"})
    assert not sign_in(other)
    codes = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES).wrap().get_unused_codes()
    other.post("/account/2fa/authenticate/", {"code": codes[0]})
    assert sign_in(other)
    third = browser()
    attempt_sign_in(third, ann.email)
    third.post("/account/2fa/authenticate/", {"code": codes[0]})
    assert not sign_in(third)


@pytest.mark.long
def test_totp_codes_including_the_setup_code_work_only_once(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    attempt_sign_in(client, ann.email)
    page = client.get("/account/2fa/totp/activate/", follow=True)
    if page.redirect_chain:
        client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = str(client.session["mfa.totp.secret"])
    first, later = totp_code(secret), totp_code(secret, 1)
    client.post("/account/2fa/totp/activate/", {"code": first})
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()

    def is_code_accepted(code: str) -> bool:
        other = browser()
        attempt_sign_in(other, ann.email)
        other.post("/account/2fa/authenticate/", {"code": code})
        return sign_in(other)

    assert not is_code_accepted(first)
    assert is_code_accepted(later)
    # allauth forgets codes after 30 seconds that are valid for 90
    cache.delete(f"allauth.mfa.totp.used?user={ann.pk}&code={later}")
    assert not is_code_accepted(later)
    assert not is_code_accepted(f" {later[:3]} {later[3:]} ")


def test_undecryptable_secret_is_reported_with_a_hint() -> None:
    ciphertext = get_adapter().encrypt("JBSWY3DPEHPK3PXP")
    with (
        override_settings(SECRET_KEY="00" * 32),
        pytest.raises(IntegrityError) as error,
    ):
        get_adapter().decrypt(ciphertext)
    assert "secrets/secret_key" in error.value.hint
