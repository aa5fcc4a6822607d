"""Declaration of time-stamping authorities for the rest of the product."""

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
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import OPTIONAL

if TYPE_CHECKING:
    import requests
    from cryptography.x509 import Certificate

    from evidence.anchors.rfc3161.anchor import Rfc3161Anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rfc3161Config(AnchorConfig):
    """Settings of an authority.

    Attributes:
        roots: Required: a PEM file with the root certificates that you trust, obtained from the authority by another
            way than its stamps.
        qualified: Date on which you found the authority on a trusted list as one whose timestamps are qualified
            (eIDAS), such as `2026-11-01`. Nothing checks it: documents call the authority qualified *according to the
            operator's list as of* that day.
    """

    roots: Path | None = values.setting(None, values.path)
    qualified: str = values.setting("", values.day)

    @property
    def faults(self) -> dict[str, object]:
        """Possible faults of the settings, each with a value that is true if it applies."""
        return {
            "roots, a PEM file with the roots you trust, is missing": self.roots is None,
            f"roots: there is no file {self.roots}": self.roots and not self.roots.is_file(),
            "urls names more than one; give each a table of its own": self.urls[1:],
            "a witness for trials is not qualified": self.qualified and self.development,
        }


@dataclass(frozen=True)
class TrustedAuthority:
    """Root certificates of a time-stamping authority (RFC 3161).

    Attributes:
        qualified: PEM texts of its certificates that a trusted list (eIDAS) names for qualified timestamps, of a
            stamping unit or of an authority above it; ``None`` if it was not compared with a list.
    """

    name: str  # name in results
    certificates: tuple[str, ...]  # PEM texts of roots
    development: bool  # true if it is for development, which results then state
    label: str  # label that results show for a development authority
    qualified: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)

    @property
    def roots(self) -> "tuple[Certificate, ...]":
        """The parsed certificates; raises ``IntegrityError``."""
        return _parse_certificates(self.certificates)

    @property
    def qualified_certificates(self) -> "tuple[Certificate, ...]":
        """The parsed certificates of :attr:`qualified`; raises ``IntegrityError``."""
        return _parse_certificates(self.qualified or ())


@lru_cache(256)
def _parse_certificates(texts: tuple[str, ...]) -> "tuple[Certificate, ...]":
    """Parse PEM texts, cached: parsed certificates are not stored in objects that are sent to other processes."""
    from evidence.anchors.rfc3161.stamps import load_certificates

    return load_certificates(text.encode() for text in texts)


def build(config: Rfc3161Config, session: "requests.Session", _log: object = None) -> "Rfc3161Anchor":
    """Return the adapter of an authority."""
    from evidence.anchors.rfc3161.anchor import Rfc3161Anchor

    roots = [] if config.roots is None else [config.roots.read_bytes()]
    return Rfc3161Anchor(
        config.name, config.urls[0], roots, development=config.development, session=session, qualified=config.qualified
    )


def verify(
    digest: Digest, proof: bytes, material: Material, pinned: Sequence[TrustedAuthority], what: str
) -> Attestation:
    """Verify a reply against the pinned authorities: it must lead to the roots of one of them."""
    from evidence.anchors.rfc3161.revocation import check_revocation, load_lists
    from evidence.anchors.rfc3161.stamps import check_stamp, is_issued_under, load_certificates, read_reply

    helpers = load_certificates(data for file, data in material.items() if file.startswith("certificate-"))
    lists = load_lists(data for file, data in material.items() if file.startswith("crl-"))
    stamp, failure = read_reply(proof), None
    for authority in pinned:
        try:
            time = check_stamp(stamp, digest, authority.roots, helpers)
            revocation = check_revocation(stamp, authority.roots, helpers, lists)
        except UntrustedIssuerError:
            continue
        except IntegrityError as error:  # it may be valid under another pinned authority's roots
            failure = failure or error
            continue
        sentence = f"{authority.name} (RFC 3161) stamped the {what} at {format_time(stamp.time)}"
        sentence += f": it existed no later than {format_time(time)}." if time > stamp.time else "."
        sentence += f" {revocation}"
        if authority.qualified is not None:
            verb = "names" if is_issued_under(stamp, authority.qualified_certificates, helpers) else "does not name"
            sentence += f" The trust list {verb} it as qualified."
        return Attestation(sentence, time, authority.name, authority.label if authority.development else "")
    if failure is not None:
        raise failure
    check_stamp(stamp, digest, (), helpers)
    raise UntrustedIssuerError("No timestamp authority is pinned.")


def vouch(configured: Sequence[Rfc3161Config], _: object, label: str, _trials: str) -> tuple[TrustedAuthority, ...]:
    """Return the authorities with the roots that the operator trusts."""
    return tuple(
        TrustedAuthority(anchor.name, _load_roots(anchor.name, anchor.roots), anchor.development, label)
        for anchor in configured
        if anchor.roots is not None
    )


def _load_roots(authority: str, roots: Path) -> tuple[str, ...]:
    """Return the root certificates in a file as PEM, without other content."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from evidence.anchors.rfc3161.stamps import load_certificates

    try:
        certificates = load_certificates([roots.read_bytes()])
    except OSError as error:
        raise WrongUseError(f"The roots of {authority}, {roots}, cannot be read: {error.strerror}.") from error
    except IntegrityError as error:
        raise WrongUseError(f"{roots} holds no root certificates of {authority} that can be read.") from error
    return tuple(anchor.public_bytes(Encoding.PEM).decode() for anchor in certificates)


KIND = AnchorKind(
    name="rfc3161",
    words=gettext_noop("timestamp authority (RFC 3161)"),
    config=Rfc3161Config,
    build=build,
    pins="authorities",
    verify=verify,
    vouch=vouch,
    suffix=".tsr",
    how_to_check=(
        "openssl ts -verify -data checkpoint -in {name} -CAfile ROOT.pem",
        "(ROOT.pem is the authority's root certificate; obtain it from the authority)",
    ),
    usual=timedelta(minutes=1),
    is_direct=True,
)
