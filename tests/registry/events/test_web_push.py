"""Test that an independent receiver reads push messages, and a service that verifies the sender accepts them."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from exhibit.config.secrets import SECRET_KEY, get_secret_path
from registry.configuration import load_config
from registry.events import web_push
from tests.assets.push_service import CURVE, PushService, Subscriber, decode_base64url, push_service

__all__ = ["push_service"]

# RFC 8291, appendix A
RECEIVER_KEY = decode_base64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
AUTH_SECRET = decode_base64url("BTBZMqHH6r4Tts7J_aSIgg")
PLAINTEXT = b"When I grow up, I want to be a watermelon"
BODY = decode_base64url(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_receiver_decrypts_rfc_example() -> None:
    key = ec.derive_private_key(int.from_bytes(RECEIVER_KEY, "big"), CURVE)
    assert Subscriber("", key, AUTH_SECRET).decrypt(BODY) == PLAINTEXT


def test_messages_have_equal_length_and_differ() -> None:
    reader = Subscriber("")
    short, long = (
        web_push.encrypt(text, reader.public, reader.auth) for text in (b"1", b"1" * web_push.MESSAGE_LENGTH)
    )
    assert len(short) == len(long) < 4096  # accepted by services
    assert reader.decrypt(short).strip() == b"1"
    assert web_push.encrypt(b"1", reader.public, reader.auth) != short


@pytest.mark.parametrize(
    ("contact", "public_url", "subject"),
    [
        ("ann@example.org", "https://exhibit.example.org", "mailto:ann@example.org"),
        ("https://example.org/bot", "", "https://example.org/bot"),
        ("http://example.org/bot", "https://exhibit.example.org", "https://exhibit.example.org"),
        ("", "https://exhibit.example.org", "https://exhibit.example.org"),
        ("", "", None),
    ],
)
def test_vapid_subject_is_contact_or_public_url(
    push_service: PushService, tmp_path: Path, contact: str, public_url: str, subject: str | None
) -> None:
    config = replace(load_config(), data_dir=tmp_path / "data", contact=contact, public_url=public_url)
    header = web_push.build_authorization(config, f"{push_service.url}/push/a")
    assert push_service.claims({"Authorization": header}).get("sub") == subject


def test_push_key_is_restored_with_secrets(tmp_path: Path) -> None:
    original, restored, other = (
        replace(load_config(), data_dir=tmp_path / name) for name in ("here", "restored", "other")
    )
    key = web_push.encode_public_key(web_push.derive_application_key(original))
    secret = get_secret_path(restored, SECRET_KEY)
    secret.parent.mkdir(parents=True)
    secret.write_bytes(get_secret_path(original, SECRET_KEY).read_bytes())
    assert web_push.encode_public_key(web_push.derive_application_key(restored)) == key
    assert web_push.encode_public_key(web_push.derive_application_key(other)) != key


@pytest.mark.parametrize("point", [b"\4" + bytes(64), b"\4" * 65, b"\4" * 64, b"", b"\4" * 66])
def test_invalid_curve_point_is_rejected(point: bytes) -> None:
    with pytest.raises(ValueError, match=r"length|point|[Ii]nvalid"):
        web_push.check_keys(point, bytes(16))
