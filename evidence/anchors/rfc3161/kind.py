"""Declaration of timestamp authorities (RFC 3161) as a kind of timestamp service."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_time, gettext_noop
from evidence.formats.errors import UntrustedIssuerError
from exhibit.config import values
from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.types import OPTIONAL

if TYPE_CHECKING:
    import requests
    from cryptography.x509 import Certificate

    from evidence.anchors.rfc3161.anchor import Rfc3161Anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rfc3161Config(AnchorConfig):
    """Settings of a timestamp authority.

    Attributes:
        roots: Required: a PEM file with the root certificates that you trust, obtained from the authority and not from
            its timestamps.
        qualified: Date on which you found the authority on a trusted list as one whose timestamps are qualified
            (eIDAS), such as `2026-11-01`. Exhibit does not verify it: documents call the authority qualified
            *according to the operator's list as of* that day.
    """

    roots: Path | None = values.setting(None, values.parse_path)
    qualified: str = values.setting("", values.parse_day)

    @property
    def faults(self) -> dict[str, object]:
        """Possible errors in the settings; an error exists if its value is true."""
        return {
            "roots is missing; set it to a PEM file with the root certificates that you trust": self.roots is None,
            f"roots: the file {self.roots} does not exist": self.roots and not self.roots.is_file(),
            "urls contains more than one URL; give each a table of its own": self.urls[1:],
            "a development service cannot be qualified": self.qualified and self.development,
        }


@dataclass(frozen=True)
class TrustedAuthority:
    """Pinned root certificates of a timestamp authority (RFC 3161).

    Attributes:
        qualified: PEM texts of the certificates that a trusted list (eIDAS) names for qualified timestamps: of a
            timestamping unit, or of an authority above it. ``None`` if no list was checked.
    """

    name: str  # name in results
    certificates: tuple[str, ...]  # PEM texts of roots
    development: bool  # true for a development authority
    label: str  # label that results show for a development authority
    qualified: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)

    @property
    def roots(self) -> "tuple[Certificate, ...]":
        """Parsed root certificates; raises ``IntegrityError`` if one cannot be read."""
        return _parse_certificates(self.certificates)

    @property
    def qualified_certificates(self) -> "tuple[Certificate, ...]":
        """Parsed certificates of :attr:`qualified`; raises ``IntegrityError`` if one cannot be read."""
        return _parse_certificates(self.qualified or ())


@lru_cache(256)
def _parse_certificates(texts: tuple[str, ...]) -> "tuple[Certificate, ...]":
    """Parse PEM texts with a cache, because objects sent to other processes cannot store parsed certificates."""
    from evidence.anchors.rfc3161.stamps import load_certificates

    return load_certificates(text.encode() for text in texts)


def build(config: Rfc3161Config, session: "requests.Session", _log: object = None) -> "Rfc3161Anchor":
    """Build the client of an authority."""
    from evidence.anchors.rfc3161.anchor import Rfc3161Anchor

    roots = [] if config.roots is None else [config.roots.read_bytes()]
    return Rfc3161Anchor(
        config.name, config.urls[0], roots, development=config.development, session=session, qualified=config.qualified
    )


def verify(
    digest: Digest, proof: bytes, material: Material, authorities: Sequence[TrustedAuthority], subject: str
) -> Attestation:
    """Verify a response against the pinned authorities: the roots of one of them must have issued it."""
    from evidence.anchors.rfc3161.revocation import check_revocation, load_revocation_lists
    from evidence.anchors.rfc3161.stamps import is_issued_under, load_certificates, parse_response, verify_timestamp

    intermediates = load_certificates(data for file, data in material.items() if file.startswith("certificate-"))
    lists = load_revocation_lists(data for file, data in material.items() if file.startswith("crl-"))
    timestamp, failure = parse_response(proof), None
    for authority in authorities:
        try:
            time = verify_timestamp(timestamp, digest, authority.roots, intermediates)
            revocation = check_revocation(timestamp, authority.roots, intermediates, lists)
        except UntrustedIssuerError:
            continue
        except IntegrityError as error:  # may be valid for another pinned authority
            failure = failure or error
            continue
        sentence = f"{authority.name} (RFC 3161) timestamped the {subject} at {format_time(timestamp.time)}"
        sentence += f": it existed no later than {format_time(time)}." if time > timestamp.time else "."
        sentence += f" {revocation}"
        if authority.qualified is not None:
            verb = (
                "lists"
                if is_issued_under(timestamp, authority.qualified_certificates, intermediates)
                else "does not list"
            )
            sentence += f" The trust list {verb} it as qualified."
        return Attestation(sentence, time, authority.name, authority.label if authority.development else "")
    if failure is not None:
        raise failure
    verify_timestamp(timestamp, digest, (), intermediates)
    raise UntrustedIssuerError("a timestamp authority; the list has none.")


def build_pins(
    configs: Sequence[Rfc3161Config], _: object, label: str, _development_label: str
) -> tuple[TrustedAuthority, ...]:
    """Build the pins of the authorities with the roots that the operator trusts."""
    return tuple(
        TrustedAuthority(config.name, _load_roots(config.name, config.roots), config.development, label)
        for config in configs
        if config.roots is not None
    )


def _load_roots(authority: str, roots: Path) -> tuple[str, ...]:
    """Load only the root certificates in a file, as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from evidence.anchors.rfc3161.stamps import load_certificates

    try:
        certificates = load_certificates([roots.read_bytes()])
    except OSError as error:
        raise InvalidRequestError(f"The roots of {authority}, {roots}, cannot be read: {error.strerror}.") from error
    except IntegrityError as error:
        raise InvalidRequestError(f"{roots} contains no readable root certificates of {authority}.") from error
    return tuple(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


KIND = AnchorKind(
    name="rfc3161",
    description=gettext_noop("timestamp authority (RFC 3161)"),
    config=Rfc3161Config,
    build=build,
    trust_field="authorities",
    verify=verify,
    build_pins=build_pins,
    suffix=".tsr",
    check_instructions=(
        "openssl ts -verify -data checkpoint -in {name} -CAfile ROOT.pem",
        "(ROOT.pem is the authority's root certificate; obtain it from the authority)",
    ),
    usual_response_time=timedelta(minutes=1),
    is_direct=True,
)
