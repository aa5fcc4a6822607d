"""Revocation lists included with a timestamp (RFC 5280, section 5), evaluated at the time of the timestamp.

The party that supplies the timestamp chooses the lists, so a missing list proves nothing. An included list is used
only if it is signed by the issuer of the certificate. Neither ``cryptography.x509.verification`` nor
``rfc3161-client`` evaluates revocation lists.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ReasonFlags

from evidence.anchors.rfc3161.stamps import (
    PARSE_ERRORS,
    ParsedTimestamp,
    find_chain_fault,
    get_common_name,
    is_issued_by,
)
from exhibit.errors import IntegrityError
from exhibit.sentences import Sentence

MAX_LISTS = 16
NON_RETROACTIVE_REASONS = {
    ReasonFlags.unspecified, ReasonFlags.affiliation_changed, ReasonFlags.superseded, ReasonFlags.cessation_of_operation
}  # fmt: skip
"""Reasons that do not affect signatures from before the revocation (RFC 3161, section 4).

Any other or no reason does.
"""


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """Entry of a revocation list for a certificate."""

    revoked_at: datetime  # time of the revocation, aware, UTC
    reason: ReasonFlags | None  # ``None`` if none is given

    @property
    def is_retroactive(self) -> bool:
        """True if earlier signatures by the certificate's key are invalid too."""
        return self.reason not in NON_RETROACTIVE_REASONS

    def voids_signature_at(self, time: datetime) -> bool:
        """Return True if signatures by the certificate's key at this time are invalid."""
        return self.is_retroactive or self.revoked_at <= time

    def __str__(self) -> str:
        return f"{self.revoked_at:%Y-%m-%d} ({self.reason.value if self.reason else 'no reason is given'})"


def load_revocation_lists(files: Iterable[bytes]) -> tuple[x509.CertificateRevocationList, ...]:
    """Load lists from PEM or DER files; raises ``IntegrityError`` if one cannot be read, or there are too many."""
    try:
        lists = tuple(load_revocation_list(data) for data in files)
    except PARSE_ERRORS as error:
        raise IntegrityError("A certificate revocation list cannot be read.") from error
    if len(lists) > MAX_LISTS:
        raise IntegrityError(f"More than {MAX_LISTS} certificate revocation lists came with the timestamp.")
    return lists


def load_revocation_list(data: bytes) -> x509.CertificateRevocationList:
    """Load one list; raises one of ``stamps.PARSE_ERRORS`` if it cannot be read."""
    return x509.load_pem_x509_crl(data) if b"-----BEGIN" in data else x509.load_der_x509_crl(data)


def check_revocation(
    timestamp: ParsedTimestamp,
    roots: Sequence[x509.Certificate],
    intermediates: Sequence[x509.Certificate],
    lists: Sequence[x509.CertificateRevocationList],
) -> str:
    """Check the certificates between a timestamp and its root against the lists, and return a sentence.

    One of the roots must have issued the timestamp.

    Raises:
        IntegrityError: Every chain to a root has a certificate that was revoked by the time of the timestamp, or for a
            reason that invalidates its earlier signatures.
    """
    pool = list(dict.fromkeys([*timestamp.certificates, *intermediates]))
    assessments = {
        certificate: _RevocationAssessment.from_lists(certificate, [*roots, *pool], lists)
        for certificate in pool
        if certificate not in roots
    }
    revoked_entries = {
        certificate: assessment.entry
        for certificate, assessment in assessments.items()
        if assessment.entry and assessment.entry.voids_signature_at(timestamp.time)
    }
    unrevoked = [certificate for certificate in pool if certificate not in revoked_entries]
    if timestamp.signer in revoked_entries or (
        revoked_entries and find_chain_fault(timestamp.signer, roots, unrevoked, timestamp.time)
    ):
        revoked_certificate = timestamp.signer if timestamp.signer in revoked_entries else next(iter(revoked_entries))
        reason = f"{get_common_name(revoked_certificate)} was revoked on {revoked_entries[revoked_certificate]}"
        raise IntegrityError(Sentence("The certificate chain of the timestamp is not valid: %(why)s.", why=reason))
    chain = [timestamp.signer] if timestamp.signer in assessments else []
    for certificate in chain:
        chain += [
            other
            for other in assessments[certificate].issuers
            if other in unrevoked and other in assessments and other not in chain
        ]
    later_revoked_certificate = next((certificate for certificate in chain if assessments[certificate].entry), None)
    if later_revoked_certificate is not None:
        return (
            f"{get_common_name(later_revoked_certificate)} was revoked later, on "
            f"{assessments[later_revoked_certificate].entry}, which does not affect the timestamp."
        )
    uncovered_certificates = [
        certificate
        for certificate in chain
        if not any(_covers_time(other, certificate, timestamp.time) for other in assessments[certificate].lists)
    ]
    if uncovered_certificates:
        return (
            f"It is not proven that {get_common_name(uncovered_certificates[0])} had not been revoked: no revocation "
            "list for it is included."
        )
    return "The included revocation lists contain none of its certificates."


@dataclass(frozen=True, slots=True)
class _RevocationAssessment:
    """Issuers of a certificate, the lists that cover it, and its revocation entry."""

    issuers: list[x509.Certificate]
    lists: list[x509.CertificateRevocationList]
    entry: RevocationEntry | None

    @classmethod
    def from_lists(
        cls,
        certificate: x509.Certificate,
        candidates: Iterable[x509.Certificate],
        lists: Iterable[x509.CertificateRevocationList],
    ) -> Self:
        issuers = [
            item for item in dict.fromkeys(candidates) if item != certificate and is_issued_by(item, certificate)
        ]
        relevant_lists = [
            item
            for item in lists
            if _covers_certificate(item, certificate) and any(_is_signed_by(item, issuer) for issuer in issuers)
        ]
        revocations = (
            item.get_revoked_certificate_by_serial_number(certificate.serial_number) for item in relevant_lists
        )
        entries = [
            RevocationEntry(item.revocation_date_utc, _get_reason(item)) for item in revocations if item is not None
        ]
        return cls(
            issuers,
            relevant_lists,
            min(entries, key=lambda entry: (not entry.is_retroactive, entry.revoked_at), default=None),
        )


def _is_signed_by(revocation_list: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Return True if the issuer has signed the list."""
    try:
        return revocation_list.issuer == issuer.subject and revocation_list.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, *PARSE_ERRORS):  # TypeError: unsupported key type
        return False


def _covers_certificate(revocation_list: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Return True if a list is complete and covers this certificate; indirect lists are not supported."""
    try:
        extensions = {
            type(extension.value): extension.value
            for extension in revocation_list.extensions
            if extension.critical or _is_scope(extension.value)
        }
    except PARSE_ERRORS:
        return False
    scope = extensions.pop(x509.IssuingDistributionPoint, None)
    if extensions:  # a delta list, or an unknown critical extension
        return False
    if not isinstance(scope, x509.IssuingDistributionPoint):
        return True
    if scope.indirect_crl or scope.only_contains_attribute_certs or scope.only_some_reasons or scope.relative_name:
        return False
    if scope.full_name and not {*scope.full_name} & _get_distribution_points(certificate):  # for other certificates
        return False
    return not (scope.only_contains_user_certs if _is_authority(certificate) else scope.only_contains_ca_certs)


def _is_scope(value: x509.ExtensionType) -> bool:
    return isinstance(value, x509.IssuingDistributionPoint | x509.DeltaCRLIndicator)


def _get_distribution_points(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """Return the distribution points of revocation lists in a certificate."""
    try:
        distribution_points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *PARSE_ERRORS):
        return set()
    return {name for point in distribution_points for name in point.full_name or ()}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *PARSE_ERRORS):
        return False


def _get_reason(entry: x509.RevokedCertificate) -> ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None
    except PARSE_ERRORS:
        return ReasonFlags.key_compromise  # unreadable: assume the most severe reason


def _covers_time(
    revocation_list: x509.CertificateRevocationList, certificate: x509.Certificate, time: datetime
) -> bool:
    """Return True if a list was valid at this time or later; entries remain until their certificate expires."""
    is_listed_until_expiry = revocation_list.last_update_utc <= certificate.not_valid_after_utc
    return is_listed_until_expiry and (
        revocation_list.next_update_utc is None or revocation_list.next_update_utc >= time
    )
