"""Revocation lists included with a stamp (RFC 5280, section 5), evaluated at the stamp's own time.

Whoever supplies a stamp chooses the lists, and a missing list proves nothing. An included list counts only if it is
signed by the authority above the certificate in question. Neither ``cryptography.x509.verification`` nor
``rfc3161-client`` reads revocation lists.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ReasonFlags

from evidence.anchors.rfc3161.stamps import UNREADABLE, Stamp, find_chain_fault, get_name, is_issued
from exhibit.errors import IntegrityError
from exhibit.sentences import Sentence

MAX_LISTS = 16
LATER_REASONS = {
    ReasonFlags.unspecified, ReasonFlags.affiliation_changed, ReasonFlags.superseded, ReasonFlags.cessation_of_operation
}  # fmt: skip
"""Reasons that do not affect signatures from before the revocation (RFC 3161, section 4).

Any other or no reason does.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A list's entry about a certificate."""

    since: datetime  # time of the revocation, aware, UTC
    reason: ReasonFlags | None  # ``None`` if none is given

    @property
    def voids_all_signatures(self) -> bool:
        """True if all signatures by the certificate's key are void."""
        return self.reason not in LATER_REASONS

    def holds_at(self, moment: datetime) -> bool:
        """Return True if signatures by the certificate's key at a moment are void."""
        return self.voids_all_signatures or self.since <= moment

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d} ({self.reason.value if self.reason else 'no reason is given'})"


def load_lists(files: Iterable[bytes]) -> tuple[x509.CertificateRevocationList, ...]:
    """Load the lists in PEM or DER files; raises ``IntegrityError`` if one cannot be read, or there are too many."""
    try:
        lists = tuple(load_list(data) for data in files)
    except UNREADABLE as error:
        raise IntegrityError("A certificate revocation list cannot be read.") from error
    if len(lists) > MAX_LISTS:
        raise IntegrityError(f"More than {MAX_LISTS} certificate revocation lists came with the timestamp.")
    return lists


def load_list(data: bytes) -> x509.CertificateRevocationList:
    """Load one list; raises one of ``stamps.UNREADABLE``."""
    return x509.load_pem_x509_crl(data) if b"-----BEGIN" in data else x509.load_der_x509_crl(data)


def check_revocation(
    stamp: Stamp,
    roots: Sequence[x509.Certificate],
    helpers: Sequence[x509.Certificate],
    lists: Sequence[x509.CertificateRevocationList],
) -> str:
    """Check the certificates between a stamp and its root against the lists; returns the result in a sentence.

    The stamp must lead to one of the roots.

    Raises:
        IntegrityError: Every chain to a root has a certificate that was revoked by the time of the stamp, or for a
            reason that voids all its signatures.
    """
    pool = list(dict.fromkeys([*stamp.certificates, *helpers]))
    assessments = {
        certificate: _Assessment.assess(certificate, [*roots, *pool], lists)
        for certificate in pool
        if certificate not in roots
    }
    revoked_entries = {
        certificate: assessment.entry
        for certificate, assessment in assessments.items()
        if assessment.entry and assessment.entry.holds_at(stamp.time)
    }
    valid = [certificate for certificate in pool if certificate not in revoked_entries]
    if stamp.signer in revoked_entries or (
        revoked_entries and find_chain_fault(stamp.signer, roots, valid, stamp.time)
    ):
        revoked = stamp.signer if stamp.signer in revoked_entries else next(iter(revoked_entries))
        reason = f"{get_name(revoked)} was revoked on {revoked_entries[revoked]}"
        raise IntegrityError(Sentence("The certificate chain of the timestamp is not valid: %(why)s.", why=reason))
    chain = [stamp.signer] if stamp.signer in assessments else []
    for certificate in chain:
        chain += [
            other
            for other in assessments[certificate].issuers
            if other in valid and other in assessments and other not in chain
        ]
    revoked_later = next((certificate for certificate in chain if assessments[certificate].entry), None)
    if revoked_later is not None:
        return (
            f"{get_name(revoked_later)} was revoked afterwards, on "
            f"{assessments[revoked_later].entry}, which leaves the stamp as it is."
        )
    uncovered = [
        certificate
        for certificate in chain
        if not any(_covers_moment(other, certificate, stamp.time) for other in assessments[certificate].lists)
    ]
    if uncovered:
        return (
            f"It is not proven that {get_name(uncovered[0])} was not revoked then: no revocation "
            "list for it is included."
        )
    return "The included revocation lists contain none of its certificates."


@dataclass(frozen=True, slots=True)
class _Assessment:
    """A certificate, its issuers, the lists about it, and its revocation entry."""

    issuers: list[x509.Certificate]
    lists: list[x509.CertificateRevocationList]
    entry: Entry | None

    @classmethod
    def assess(
        cls,
        certificate: x509.Certificate,
        candidates: Iterable[x509.Certificate],
        lists: Iterable[x509.CertificateRevocationList],
    ) -> Self:
        issuers = [item for item in dict.fromkeys(candidates) if item != certificate and is_issued(item, certificate)]
        about = [
            item
            for item in lists
            if _covers_certificate(item, certificate) and any(_is_signed_by(item, issuer) for issuer in issuers)
        ]
        revocations = (item.get_revoked_certificate_by_serial_number(certificate.serial_number) for item in about)
        entries = [Entry(item.revocation_date_utc, _get_reason(item)) for item in revocations if item is not None]
        return cls(
            issuers, about, min(entries, key=lambda entry: (not entry.voids_all_signatures, entry.since), default=None)
        )


def _is_signed_by(revocation_list: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Return True if an authority has signed a list."""
    try:
        return revocation_list.issuer == issuer.subject and revocation_list.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, *UNREADABLE):  # a key of another kind is a TypeError
        return False


def _covers_certificate(revocation_list: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Return True if a list is complete and covers a certificate of its authority; entries on others are not read."""
    try:
        extensions = {
            type(extension.value): extension.value
            for extension in revocation_list.extensions
            if extension.critical or _is_scope(extension.value)
        }
    except UNREADABLE:
        return False
    scope = extensions.pop(x509.IssuingDistributionPoint, None)
    if extensions:  # a delta list, or an unknown critical extension
        return False
    if not isinstance(scope, x509.IssuingDistributionPoint):
        return True
    if scope.indirect_crl or scope.only_contains_attribute_certs or scope.only_some_reasons or scope.relative_name:
        return False
    if scope.full_name and not {*scope.full_name} & _get_distribution_points(
        certificate
    ):  # it is of other certificates
        return False
    return not (scope.only_contains_user_certs if _is_authority(certificate) else scope.only_contains_ca_certs)


def _is_scope(value: x509.ExtensionType) -> bool:
    return isinstance(value, x509.IssuingDistributionPoint | x509.DeltaCRLIndicator)


def _get_distribution_points(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """Return the distribution points that a certificate names for its list."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return set()
    return {name for point in points for name in point.full_name or ()}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def _get_reason(entry: x509.RevokedCertificate) -> ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None
    except UNREADABLE:
        return ReasonFlags.key_compromise  # assume the worst if it cannot be read


def _covers_moment(
    revocation_list: x509.CertificateRevocationList, certificate: x509.Certificate, moment: datetime
) -> bool:
    """Return True if a list was in force at a moment or came later: entries stay while their certificate is valid."""
    stays = revocation_list.last_update_utc <= certificate.not_valid_after_utc
    return stays and (revocation_list.next_update_utc is None or revocation_list.next_update_utc >= moment)
