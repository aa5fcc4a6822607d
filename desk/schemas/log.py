"""Responses about the log, timestamp services, keys and partners."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import Answer, Moment
from registry import models
from registry.keys.keys import AnyKey, Use, use_of

Digits = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else bytes(value).hex())]
"""Bytes as hexadecimal digits."""


class Checkpoint(Answer):
    """A signed checkpoint."""

    origin: str = Field(description="Name of the log.")
    size: int = Field(description="Number of entries.")
    signed_at: Moment = Field(alias="made_at", description="Time of the signature.")
    root: Digits = Field(description="Root hash, hexadecimal.")


class Entry(Answer):
    """A log entry with its content, unless it was erased."""

    sequence: int = Field(description="Number of the entry.")
    type: str
    time: Moment
    commitment: Digits = Field(description="Salted SHA-256 commitment, hexadecimal.")
    salt: Digits | None = Field(
        alias="submission.opening.salt", description="Salt of the commitment, hexadecimal; null if it was erased."
    )
    opening: dict[str, Any] | None = Field(
        alias="submission.opening.content", description="Content that the commitment covers; null if it was erased."
    )
    details: dict[str, Any] | None = Field(
        alias="submission.opening.details", description="Details outside the commitment; null if they were erased."
    )


class TimestampService(Answer):
    """A timestamp service: its latest responses and pending receipts."""

    kind: str = Field(description="Type of the service.")
    name: str
    development: bool = Field(description="Whether it is a test service without legal weight.")
    configured: bool = Field(description="Whether it is in the configuration.")
    last_response_at: Moment | None = Field(alias="answered_at", description="Time of the latest response.")
    failing_since: Moment | None = Field(
        alias="silent_since", description="Time since which it has not responded; null if it responds."
    )
    next_request_at: Moment | None = Field(
        alias="ask_after", description="Time of the next request; null if it is not delayed."
    )
    error: str = Field(description="Latest error; empty if it responds.")
    pending_receipts: int = Field(alias="owed", description="Receipts that are pending.")


class Key(Answer):
    """A signing key of an owner, or a device key that countersigns."""

    owner: str = Field(alias="owner.slug")
    use: str = Field(description="Purpose of the key: `sealing`, `documents` or `device`.")
    public: Digits = Field(alias="public_key", description="Public key, hexadecimal.")
    holder: str = Field(description="Holder of the private key: `owner` or `operator`.")
    name: str = Field(description="Name of the device; empty for other keys.")
    state: str = Field(description="`in use`, `retired` or `revoked`.")
    created_at: Moment
    retired_at: Moment | None
    revoked_at: Moment | None
    revoked_reason: str

    @staticmethod
    def resolve_use(row: AnyKey) -> str:
        return str(use_of(row))

    @staticmethod
    def resolve_holder(row: AnyKey) -> str:
        return "owner" if use_of(row) is Use.DEVICE else "operator"

    @staticmethod
    def resolve_name(row: AnyKey) -> str:
        return getattr(row, "name", "")

    @staticmethod
    def resolve_state(row: AnyKey) -> str:
        return "revoked" if row.revoked_at else "retired" if row.retired_at else "in use"


class Fork(Answer):
    """Two checkpoints of one log that contradict each other."""

    log: str = Field(description="Public key of the log.")
    known: str = Field(description="The smaller checkpoint, or one of two of the same size.")
    other: str = Field(description="The other checkpoint.")
    path: list[str] = Field(description="Hashes of the proof, hexadecimal; empty for checkpoints of the same size.")


class Heads(Answer):
    """Signed checkpoints of logs, as C2SP signed notes."""

    heads: list[str] = Field(description="Checkpoints, at most one for each log.")
    forks: list[Fork] = Field(description="Known proofs that a log has signed two histories.")


class Partner(Answer):
    """A partner installation."""

    name: str
    url: str
    log: str = Field(alias="log_key", description="Public key of its log.")
    witness: str = Field(alias="witness_key", description="Public key of its log witness.")
    created_at: Moment = Field(alias="made_at")
    revoked_at: Moment | None
    reason: str = Field(description="Reason of the revocation.")
    checked_at: Moment | None = Field(alias="looked_at", description="Time of the latest check of its log.")
    problem: str = Field(alias="fault", description="Problem with its log; empty if there is none.")
    requests_visits: bool = Field(
        alias="captures", description="Whether the partner is asked to visit pages with each capture."
    )
    daily_visits: int = Field(alias="visits", description="Maximum visits per day that it may request.")
    has_fork: bool = Field(description="Whether its log has signed contradicting checkpoints.")

    @staticmethod
    def resolve_has_fork(row: models.Partner) -> bool:
        return row.forks.exists()


class Agreement(Answer):
    """Permission for a partner to run blind searches here."""

    number: int = Field(alias="pk")
    partner: str = Field(alias="partner.name")
    fields: list[str] = Field(alias="fields", description="Data returned for a match.")
    queries: int = Field(description="Maximum number of queries.")
    used: int = Field(description="Queries used so far.")
    created_at: Moment = Field(alias="made_at")
    valid_until: Moment = Field(alias="until", description="Time at which the agreement expires.")
    ended_at: Moment | None = Field(description="Time at which it was ended; null if it was not.")


class BlindMatch(Answer):
    """A partner's picture that matches works registered here, as reported by the partner."""

    works: list[str] = Field(description="Matching works.")
    exact: bool = Field(description="Whether the hashes are identical.")
    bands: int = Field(description="Number of matching hash bands.")
    told: dict[str, str] = Field(description="Data that the agreement discloses.")


class FeedMatch(Answer):
    """A picture seen here whose hash is similar to one in a partner's feed."""

    bits: int = Field(description="Number of different bits.")
    theirs: str = Field(description="Hash in the partner's feed.")
    page: str = Field(alias="page_url", description="URL of the page.")
    image: str = Field(alias="image_url", description="URL of the picture.")
    seen: Moment | None = Field(
        alias="first_seen", description="Time of the first sighting; null if an archive states no time."
    )
    digest: Digits = Field(alias="picture.digest.raw", description="Digest of the picture.")
