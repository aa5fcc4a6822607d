"""Accounts of what contributors have done, signed with the log's key, so that they hold in front of others."""

from collections.abc import Mapping
from typing import Any

from evidence.formats.codec import FormatError, parse_json
from evidence.keys.ed25519 import holds
from evidence.log.notes import parse_verifier_key
from exhibit.clock import now, rfc3339
from exhibit.entries import canonical
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Json
from registry.models import CrawlSlice, EdgeResult, StepState
from workers.services.wiring import Services

FORMAT = "exhibit-edge-account/1"
MAX_BYTES = 4 << 20


def signed_account(services: Services, done: Mapping[int, Mapping[str, Any]]) -> dict[str, Json]:
    """What contributors (by primary key) have done until now, and the signature over the canonical JSON of all that.

    To each the slices are added that it has brought, none where its results were dropped.
    """
    log = services.log
    told = [{**row, "slices": _slices(pk)} for pk, row in done.items()]
    account = {"format": FORMAT, "contributors": told, "at": rfc3339(now()), "key": log.vkey()}
    return account | {"signature": log.sign(canonical(account)).hex()}


def _slices(contributor: int) -> int:
    if EdgeResult.objects.filter(contributor=contributor, outcome=EdgeResult.Outcome.DROPPED).exists():
        return 0
    return CrawlSlice.objects.filter(contributor=contributor, state=StepState.DONE).count()


def read_account(data: bytes, key: str = "") -> dict[str, Json]:
    """An account whose signature holds, by the log's ``key`` where it is given, else by the one that it names.

    Raises ``WrongUseError`` for what isn't an account, ``IntegrityError`` for one that was changed or signed otherwise.
    """
    try:
        plain = parse_json(data, what="The account", limit=MAX_BYTES)
        signature, named = bytes.fromhex(plain.pop("signature")), str(plain["key"])
        sound = plain["format"] == FORMAT and all(row["name"] for row in plain["contributors"])
        signed = canonical(plain)
    except (FormatError, ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        hint = "The installation's operator makes one: exhibit edge account"
        raise WrongUseError("This isn't an account of contributors.", hint=hint)
    if key and key != named:
        raise IntegrityError(f"The account is signed with another key: {named}")
    if not holds(parse_verifier_key(named)[1], signature, signed):
        raise IntegrityError("The account was changed after it was signed, or isn't by the key that it names.")
    return dict(plain)
