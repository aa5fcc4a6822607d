"""The operator's settings of owners: options, keys, countersignatures and published hashes."""

import secrets
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.http.response import HttpResponseBase
from ninja import Path, Router
from pydantic import Base64Bytes, Field

from desk.api.common.auth import OPERATOR, Call, of
from desk.api.common.files import download, taken
from desk.api.common.openapi import file_of
from desk.schemas import log as schemas, requests
from desk.schemas.base import Answer
from evidence.keys.ed25519 import read_public_key
from exhibit.errors import NotFoundError
from registry import scoped
from registry.alliance import pdq_feed
from registry.bundles import bundles
from registry.keys import keys as key_rows, passkeys, signing_keys as keys
from registry.log.audit_log import Evidence
from registry.members import accounts
from registry.notifications import invitations
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
OWNER = "/owners/{slug:owner}"
BUNDLE = OWNER + "/cases/{int:number}/bundles/{int:bundle}"
KeyStart = Annotated[str, Path(pattern="^[0-9a-f]{8,200}$", description="First digits of the public key, at least 8.")]


class OwnerOptions(requests.RequestBody):
    """Options of an owner. Null leaves an option unchanged."""

    derived_works: requests.Flag | None = Field(None, description="Show works derived from the owner's works.")
    web_archive: requests.Flag | None = Field(None, description="Save pages of confirmed cases in a web archive.")
    requires_passkeys: requests.Flag | None = Field(None, description="Require a passkey for sensitive actions.")


class Options(Answer):
    """Options of an owner."""

    derived_works: bool = Field(alias="derived", description="Whether works derived from the owner's works are shown.")
    web_archive: bool = Field(description="Whether pages of confirmed cases are saved in a web archive.")
    requires_passkeys: bool = Field(alias="passkeys", description="Whether sensitive actions require a passkey.")


class Keys(Answer):
    """Signing keys of an owner, including retired and revoked ones."""

    items: list[schemas.Key]


class NewDeviceKey(requests.RequestBody):
    """Public key of an owner's device. The private key never leaves the device."""

    name: requests.Name = Field(examples=["laptop"], description="Name of the device.")
    public_key: str = Field(max_length=10_000, pattern=requests.CLEAN, description="Public key, PEM or hexadecimal.")


class Countersignature(requests.RequestBody):
    """An Ed25519 signature of a bundle's manifest, made on the owner's device."""

    signature: Base64Bytes = Field(
        min_length=88, max_length=100, examples=["A" * 86 + "=="], description="Signature in base64."
    )


class Countersigned(Answer):
    """A countersigned bundle."""

    case: int = Field(description="Number of the case.")
    bundle: int = Field(description="Number of the bundle.")
    key: str = Field(description="Name of the device key.")


class UserEmail(requests.RequestBody):
    """An account, identified by its email address."""

    email: str = Field(min_length=3, max_length=254, pattern=requests.IN_LINE_SOMETHING, examples=["ann@example.org"])


class NewPassword(Answer):
    """A generated password, shown once."""

    email: str
    password: str


class OperatorLink(Answer):
    """An invitation for an operator."""

    link: str


@router.patch(OWNER + "/options", response=Options)
def set_owner_options(request: Call, owner: str, new: OwnerOptions) -> Options:
    """Set options of an owner."""
    row = of(request)
    for name, value in (("derived", new.derived_works), ("web_archive", new.web_archive)):
        if value is not None:
            accounts.set_option(row, name, enabled=value, by=request.auth.by)
    if new.requires_passkeys is not None:
        passkeys.set_requirement(row, is_required=new.requires_passkeys, by=request.auth.by, operator=True)
    row.refresh_from_db()
    return Options.from_row(row)


@router.get(OWNER + "/keys", response=Keys)
def list_keys(request: Call, owner: str) -> Keys:
    """List all signing keys of an owner."""
    return Keys(items=schemas.Key.from_rows(key_rows.keys_of(of(request))))


@router.post(OWNER + "/keys", response={201: schemas.Key})
def add_device_key(request: Call, owner: str, new: NewDeviceKey) -> schemas.Key:
    """Add the public key of an owner's device, for countersignatures with `python -m evidence sign`."""
    key = read_public_key(new.public_key.encode())
    return schemas.Key.from_row(key_rows.add_device_key(of(request), new.name, key, by=request.auth.by))


@router.post(OWNER + "/keys/{key}/revoke", response=schemas.Key)
def revoke_key(request: Call, owner: str, key: KeyStart, new: requests.Reason) -> schemas.Key:
    """Revoke a key. Signatures that were timestamped before stay valid."""
    row = key_rows.find_key(of(request), key)
    keys.revoke(row, by=request.auth.by, reason=new.reason)
    return schemas.Key.from_row(key_rows.find_key(of(request), key))


@router.get(OWNER + "/certificate", openapi_extra=file_of("application/x-pem-file"))
def get_certificate(request: Call, owner: str) -> HttpResponseBase:
    """Download the certificate of an owner's PDF signatures (PEM), to install in PDF readers."""
    row = of(request).document_keys.order_by("-pk").first()
    if row is None or row.revoked_at is not None:
        hint = "exhibit key rotate --use documents"
        raise NotFoundError(f"{of(request).name} has no valid key for documents.", hint=hint)
    pem = x509.load_der_x509_certificate(bytes(row.certificate)).public_bytes(serialization.Encoding.PEM)
    return download(pem, f"{of(request).slug}.pem", "application/x-pem-file")


@router.get(BUNDLE + "/manifest", openapi_extra=file_of("application/json"))
def get_manifest(request: Call, owner: str, number: int, bundle: int) -> HttpResponseBase:
    """Download the manifest of a bundle, to sign it on the owner's device with `python -m evidence sign`."""
    row = scoped.bundle(of(request), number, bundle)
    sealed_case = bundles.load_sealed_case(wiring.services(), row)
    taken(request, Evidence.MANIFEST, bundle=bundle, case=number, seal=sealed_case.seal.hex)
    return download(sealed_case.manifest.to_json(), bundles.bundle_name(row, ".manifest.json"), "application/json")


@router.post(BUNDLE + "/countersignatures", response={201: Countersigned})
def countersign_bundle(request: Call, owner: str, number: int, bundle: int, new: Countersignature) -> Countersigned:
    """Add a signature made on the owner's device to a bundle."""
    row = scoped.bundle(of(request), number, bundle)
    stored = bundles.store_countersignature(wiring.services(), row, new.signature)
    return Countersigned(case=number, bundle=bundle, key=stored.key.name)


@router.put(OWNER + "/works/{int:number}/feed", response={204: None})
def publish_work_hash(request: Call, owner: str, number: int) -> None:
    """Publish the PDQ hashes of a work in the public feed. A hash reveals the rough shape of a picture permanently."""
    pdq_feed.publish(wiring.services(), scoped.work(of(request), number), by=request.auth.by)


@router.delete(OWNER + "/works/{int:number}/feed", response={204: None})
def withdraw_work_hash(request: Call, owner: str, number: int) -> None:
    """Remove the PDQ hashes of a work from the public feed. Copies that others downloaded are not removed."""
    pdq_feed.withdraw(scoped.work(of(request), number), by=request.auth.by)


@router.post("/operator/passwords", response={201: NewPassword})
def reset_password(request: Call, new: UserEmail) -> NewPassword:
    """Reset a user's password to a generated one, which is shown once."""
    person, password = accounts.get_user(new.email), secrets.token_urlsafe(12)
    accounts.change_password(person, password, by=request.auth.by)
    return NewPassword(email=person.email, password=password)


@router.post("/operator/links", response={201: OperatorLink})
def create_operator_link(request: Call) -> OperatorLink:
    """Create an invitation for an operator. It is valid once, for 24 hours; earlier invitations expire."""
    return OperatorLink(link=invitations.create_operator_link(wiring.services().config, by=request.auth.by))
