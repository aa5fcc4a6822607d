"""Public timestamp services that an operator can add with one click, with shared data, costs and requirements.

Root certificates are not taken from timestamps but from ``certifi`` (Mozilla's list) or the authority's website. A
certificate is accepted only if it has the fingerprint listed here.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from ssl import DER_cert_to_PEM_cert, PEM_cert_to_DER_cert
from typing import TYPE_CHECKING

import certifi

from evidence.anchors.fetch import send_request
from evidence.anchors.kind import gettext_noop
from exhibit.errors import IntegrityError, ServiceMissingError

if TYPE_CHECKING:
    import requests

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----")
_DIGEST_ONLY = gettext_noop(
    "SHA-256 digests of signed log checkpoints and of seals, the time when each is created, and the "
    "address of this installation."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOffer:
    """A public timestamp service.

    Attributes:
        settings: Other entries of its table ``[[anchors]]``.
        root: SHA-256 fingerprint of the DER root certificate that must have issued an authority's timestamps.
        root_url: URL of the root certificate, if it is not in ``certifi``.
    """

    name: str
    kind: str
    title: str  # display name
    page: str  # URL of description and terms
    shared_data: str  # data that the service receives; this and the next two are translated
    costs: str
    duration: str
    settings: Mapping[str, object]
    root: str = ""
    root_url: str = ""

    @property
    def urls(self) -> tuple[str, ...]:
        """URLs that are requested when the service is added."""
        urls = self.settings.get("urls", ())
        assert isinstance(urls, (list, tuple))
        return (*map(str, urls), *filter(None, (self.root_url,)))


OFFERS: tuple[ServiceOffer, ...] = (
    ServiceOffer(
        name="freetsa",
        kind="rfc3161",
        title="FreeTSA",
        page="https://freetsa.org/index_en.php",
        shared_data=_DIGEST_ONLY,
        costs=gettext_noop("Free. Volunteers operate the service, without any guarantee."),
        duration=gettext_noop("About one second."),
        settings={"urls": ["https://freetsa.org/tsr"]},
        root="a6379e7cecc05faa3cbf076013d745e327bbbaa38c0b9af22469d4701d18aabc",
        root_url="https://freetsa.org/files/cacert.pem",
    ),
    ServiceOffer(
        name="digicert",
        kind="rfc3161",
        title="DigiCert",
        page="https://knowledge.digicert.com/general-information/rfc3161-compliant-time-stamp-authority-server",
        shared_data=_DIGEST_ONLY,
        costs=gettext_noop("Free. The server is intended for code signing: check its terms before you rely on it."),
        duration=gettext_noop("About one second."),
        settings={"urls": ["http://timestamp.digicert.com"]},
        root="552f7bdcf1a7af9e6ce672017f4f12abf77240c78e761ac203d1d9d20ac89988",
    ),
    ServiceOffer(
        name="bitcoin",
        kind="opentimestamps",
        title="OpenTimestamps",
        page="https://opentimestamps.org",
        shared_data=gettext_noop(
            "Three calendars learn the address of this installation and that it requests a timestamp, but "
            "not the digest. A block explorer learns which block is queried."
        ),
        costs=gettext_noop("None."),
        duration=gettext_noop("Several hours: a calendar collects digests, then six Bitcoin blocks have to follow."),
        settings={
            "urls": [
                "https://a.pool.opentimestamps.org",
                "https://b.pool.opentimestamps.org",
                "https://finney.calendar.eternitywall.com",
            ],
            "bitcoin_explorer": "https://blockstream.info/api",
        },
    ),
)


def fetch_root(offer: ServiceOffer, session: "requests.Session") -> str:
    """Return the root certificate of an authority as PEM, or an empty string for other kinds of services.

    Raises:
        ServiceMissingError: The authority's page does not respond.
        IntegrityError: The page returns another certificate.
    """
    if not offer.root:
        return ""
    certificate = _load_bundled_roots().get(offer.root)
    if certificate is None and offer.root_url:
        status, data = send_request(session, offer.root_url)
        if status != 200:
            raise ServiceMissingError(f"{offer.root_url} returned status {status}.")
        certificate = _index_by_fingerprint(data).get(offer.root)
    if certificate is None:
        raise IntegrityError(
            f"The root certificate of {offer.title} is not the known one. Nothing was added.",
            hint="Compare it with the certificate that the authority publishes, then add the service to exhibit.toml.",
        )
    return certificate


@cache
def _load_bundled_roots() -> Mapping[str, str]:
    return _index_by_fingerprint(Path(certifi.where()).read_bytes())


def _index_by_fingerprint(data: bytes) -> dict[str, str]:
    """Return the certificates in PEM text by fingerprint (SHA-256 of the DER, lower-case hexadecimal)."""
    certificates = {}
    for text in _CERTIFICATE.findall(data.decode("ascii", "replace")):
        with suppress(ValueError):  # invalid base64
            der = PEM_cert_to_DER_cert(text)
            certificates[hashlib.sha256(der).hexdigest()] = DER_cert_to_PEM_cert(der)
    return certificates
