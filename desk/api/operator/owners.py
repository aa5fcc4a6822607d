"""The operator's settings of owners: options, keys, countersignatures and published hashes."""

import secrets
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.http.response import HttpResponseBase
from ninja import Path, Router
from pydantic import Base64Bytes, Field

from desk.api.common.auth import OPERATOR, Call, get_request_owner
from desk.api.common.files import build_download_response, log_download
from desk.api.common.openapi import describe_file_response
from desk.schemas import log as schemas, requests
from desk.schemas.base import ResponseBody
from evidence.keys.ed25519 import parse_public_key
from exhibit.errors import NotFoundError
from registry import scoped
from registry.alliance import pdq_feed
from registry.bundles import bundles
from registry.keys import keys as key_rows, passkeys, signing_keys as keys
from registry.log.audit_log import EvidenceKind
from registry.members import accounts
from registry.notifications import invitations
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
OWNER = "/owners/{slug:owner}"
BUNDLE = OWNER + "/cases/{int:number}/bundles/{int:bundle}"
KeyPrefix = Annotated[
    str, Path(pattern="^[0-9a-f]{8,200}$", description="At least the first 8 hexadecimal digits of the public key.")
]


class OwnerOptions(requests.RequestBody):
    """Options of an owner. Options that are null are not changed."""

    derived_works: requests.Flag | None = Field(
        None, description="Whether to list works derived from the owner's works as matches."
    )
    web_archive: requests.Flag | None = Field(
        None, description="Whether to save pages of confirmed cases in a web archive."
    )
    requires_passkeys: requests.Flag | None = Field(
        None, description="Whether to require a passkey for sensitive actions."
    )


class Options(ResponseBody):
    """Options of an owner."""

    derived_works: bool = Field(
        alias="derived", description="Whether works derived from the owner's works are listed as matches."
    )
    web_archive: bool = Field(description="Whether pages of confirmed cases are saved in a web archive.")
    requires_passkeys: bool = Field(alias="passkeys", description="Whether sensitive actions require a passkey.")


class Keys(ResponseBody):
    """A list of signing keys of an owner."""

    items: list[schemas.Key] = Field(description="Signing keys, including retired and revoked ones.")


class NewDeviceKey(requests.RequestBody):
    """Public key of an owner's device. The private key never leaves the device."""

    name: requests.Name = Field(examples=["laptop"], description="Name of the device.")
    public_key: str = Field(
        max_length=10_000, pattern=requests.TEXT_PATTERN, description="Public key, in PEM format or in hexadecimal."
    )


class Countersignature(requests.RequestBody):
    """An Ed25519 signature of a bundle's manifest, made on the owner's device."""

    signature: Base64Bytes = Field(
        min_length=88, max_length=100, examples=["A" * 86 + "=="], description="Signature in base64."
    )


class CountersignedBundle(ResponseBody):
    """A countersigned bundle."""

    case: int = Field(description="Case number.")
    bundle: int = Field(description="Bundle number.")
    key: str = Field(description="Name of the device key.")


class UserEmail(requests.RequestBody):
    """A user, identified by email address."""

    email: str = Field(
        min_length=3,
        max_length=254,
        pattern=requests.NONEMPTY_LINE_PATTERN,
        examples=["ann@example.org"],
        description="Email address of the user.",
    )


class NewPassword(ResponseBody):
    """A generated password, shown once."""

    email: str = Field(description="Email address of the user.")
    password: str = Field(description="Generated password.")


class OperatorLink(ResponseBody):
    """An invitation for an operator."""

    link: str = Field(description="Link to open in a browser.")


@router.patch(OWNER + "/options", response=Options)
def set_owner_options(request: Call, owner: str, new: OwnerOptions) -> Options:
    """Set options of an owner."""
    row = get_request_owner(request)
    for name, value in (("derived", new.derived_works), ("web_archive", new.web_archive)):
        if value is not None:
            accounts.set_option(row, name, enabled=value, by=request.auth.by)
    if new.requires_passkeys is not None:
        passkeys.set_requirement(row, is_required=new.requires_passkeys, by=request.auth.by, is_operator=True)
    row.refresh_from_db()
    return Options.from_row(row)


@router.get(OWNER + "/keys", response=Keys)
def list_keys(request: Call, owner: str) -> Keys:
    """List all signing keys of an owner."""
    return Keys(items=schemas.Key.from_rows(key_rows.list_keys(get_request_owner(request))))


@router.post(OWNER + "/keys", response={201: schemas.Key})
def add_device_key(request: Call, owner: str, new: NewDeviceKey) -> schemas.Key:
    """Add the public key of an owner's device, for countersignatures with `python -m evidence sign`."""
    key = parse_public_key(new.public_key.encode())
    return schemas.Key.from_row(key_rows.add_device_key(get_request_owner(request), new.name, key, by=request.auth.by))


@router.post(OWNER + "/keys/{key}/revoke", response=schemas.Key)
def revoke_key(request: Call, owner: str, key: KeyPrefix, new: requests.Reason) -> schemas.Key:
    """Revoke a key. Signatures that were timestamped before the revocation stay valid."""
    row = key_rows.find_key(get_request_owner(request), key)
    keys.revoke_key(row, by=request.auth.by, reason=new.reason)
    return schemas.Key.from_row(key_rows.find_key(get_request_owner(request), key))


@router.get(OWNER + "/certificate", openapi_extra=describe_file_response("application/x-pem-file"))
def get_certificate(request: Call, owner: str) -> HttpResponseBase:
    """Download the certificate (PEM) for the PDF signatures of an owner, to install it in PDF readers."""
    row = get_request_owner(request).document_keys.order_by("-pk").first()
    if row is None or row.revoked_at is not None:
        hint = "Create a key: exhibit key rotate --use documents --reason TEXT"
        raise NotFoundError(f"{get_request_owner(request).name} has no valid key for signing documents.", hint=hint)
    pem = x509.load_der_x509_certificate(bytes(row.certificate)).public_bytes(serialization.Encoding.PEM)
    return build_download_response(pem, f"{get_request_owner(request).slug}.pem", "application/x-pem-file")


@router.get(BUNDLE + "/manifest", openapi_extra=describe_file_response("application/json"))
def get_manifest(request: Call, owner: str, number: int, bundle: int) -> HttpResponseBase:
    """Download the manifest of a bundle, to sign it on the owner's device with `python -m evidence sign`."""
    row = scoped.get_bundle(get_request_owner(request), number, bundle)
    sealed_case = bundles.load_sealed_case(wiring.services(), row)
    log_download(request, EvidenceKind.MANIFEST, bundle=bundle, case=number, seal=sealed_case.seal_digest.hex)
    return build_download_response(
        sealed_case.manifest.to_json(), bundles.get_bundle_file_name(row, ".manifest.json"), "application/json"
    )


@router.post(BUNDLE + "/countersignatures", response={201: CountersignedBundle})
def countersign_bundle(
    request: Call, owner: str, number: int, bundle: int, new: Countersignature
) -> CountersignedBundle:
    """Add a signature made on the owner's device to a bundle."""
    row = scoped.get_bundle(get_request_owner(request), number, bundle)
    countersignature = bundles.store_countersignature(wiring.services(), row, new.signature)
    return CountersignedBundle(case=number, bundle=bundle, key=countersignature.key.name)


@router.put(OWNER + "/works/{int:number}/feed", response={204: None})
def publish_work_hash(request: Call, owner: str, number: int) -> None:
    """Publish the PDQ hashes of a work in the public feed.

    A published hash permanently reveals the rough shape of a picture.
    """
    pdq_feed.publish_hashes(wiring.services(), scoped.get_work(get_request_owner(request), number), by=request.auth.by)


@router.delete(OWNER + "/works/{int:number}/feed", response={204: None})
def withdraw_work_hash(request: Call, owner: str, number: int) -> None:
    """Remove the PDQ hashes of a work from the public feed. Hashes that others have downloaded are not deleted."""
    pdq_feed.withdraw_hashes(scoped.get_work(get_request_owner(request), number), by=request.auth.by)


@router.post("/operator/passwords", response={201: NewPassword})
def reset_password(request: Call, new: UserEmail) -> NewPassword:
    """Reset a user's password to a generated one, which is shown once."""
    user, password = accounts.get_user(new.email), secrets.token_urlsafe(12)
    accounts.change_password(user, password, by=request.auth.by)
    return NewPassword(email=user.email, password=password)


@router.post("/operator/links", response={201: OperatorLink})
def create_operator_link(request: Call) -> OperatorLink:
    """Create an invitation link for an operator. It can be used once, within 24 hours. Earlier links are revoked."""
    return OperatorLink(link=invitations.create_operator_link(wiring.services().config, by=request.auth.by))
