"""Cards: the address and the keys by which two installations know each other."""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from evidence.log.notes import cosigner_key, parse_cosigner_key, parse_verifier_key
from exhibit.errors import WrongUseError
from exhibit.plain import one_line
from workers.alliance.calls import fetch, session_for
from workers.servers.addresses import absolute
from workers.services.wiring import Services

FORMAT = "exhibit-partner/1"
MAX_CARD = 10_000
"""Bytes."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Card:
    """An installation as it states itself."""

    url: str  # of its site
    log: str  # the key of its log (C2SP signed-note)
    witness: str  # the key with which it cosigns (C2SP tlog-cosignature)
    format: str = FORMAT

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
            raise WrongUseError("A partner's address has to begin with https://.")
        if self.format != FORMAT or one_line(self.url) != self.url or len(self.url) > 300:
            raise WrongUseError(
                "This isn't the card of an installation.", hint="Its operator makes it: exhibit partner card"
            )
        parse_verifier_key(self.log)
        parse_cosigner_key(self.witness)


def own_card(services: Services) -> dict[str, str]:
    """This installation's card, as plain JSON."""
    witness = cosigner_key(services.witness_name, services.witness_signer.public_key)
    return {
        "format": FORMAT,
        "url": absolute(services.config),
        "log": services.log.vkey(),
        "witness": witness,
    }


def read_card(services: Services, data: bytes) -> Card:
    """Another's card; raises ``WrongUseError`` for what isn't one, or for this installation's own."""
    try:
        plain = json.loads(data)
        card = Card(**{name: str(value) for name, value in plain.items()})
    except (ValueError, TypeError, AttributeError, RecursionError):
        hint = "Its operator makes it: exhibit partner card"
        raise WrongUseError("This isn't the card of an installation.", hint=hint) from None
    if parse_verifier_key(card.log)[0] == services.log.origin:
        hint = "Each installation needs a log_origin of its own, such as exhibit.example.org/log."
        raise WrongUseError(f"Its log has the name of this one's, {services.log.origin}.", hint=hint)
    return card


def fetch_card(services: Services, url: str) -> bytes:
    """What a site tells as its card; raises ``ServiceMissingError``."""
    with session_for(services, url) as session:
        return fetch(session, f"{url.rstrip('/')}/witness/card", MAX_CARD)
