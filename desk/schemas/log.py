"""Responses about the log, timestamp services, keys and partners."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import ResponseBody, UtcTime
from registry import models
from registry.keys.keys import AnyKey, KeyUse, get_key_use

HexBytes = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else bytes(value).hex())]
"""Bytes as hexadecimal digits."""


class Checkpoint(ResponseBody):
    """A signed checkpoint of a log."""

    origin: str = Field(description="Name of the log.")
    size: int = Field(description="Number of log entries that the checkpoint covers.")
    signed_at: UtcTime = Field(alias="made_at", description="Time of the signature.")
    root: HexBytes = Field(description="Root hash, hexadecimal.")


class Entry(ResponseBody):
    """A log entry with its content, unless it was erased."""

    sequence: int = Field(description="Sequence number of the entry in the log.")
    type: str = Field(description="Type of the entry.")
    time: UtcTime = Field(description="Time at which the entry was written.")
    commitment: HexBytes = Field(description="Salted SHA-256 commitment, hexadecimal.")
    salt: HexBytes | None = Field(
        alias="submission.opening.salt", description="Salt of the commitment, hexadecimal; null if it was erased."
    )
    opening: dict[str, Any] | None = Field(
        alias="submission.opening.content", description="Content that the commitment covers; null if it was erased."
    )
    details: dict[str, Any] | None = Field(
        alias="submission.opening.details",
        description="Details that the commitment does not cover; null if they were erased.",
    )


class TimestampService(ResponseBody):
    """A timestamp service: its latest responses and pending receipts."""

    kind: str = Field(description="Type of the service: `rfc3161`, `opentimestamps`, `evm` or `witness` (log witness).")
    name: str = Field(description="Name of the service.")
    development: bool = Field(description="Whether the service is a test service without legal weight.")
    configured: bool = Field(description="Whether the service is currently configured.")
    last_response_at: UtcTime | None = Field(
        alias="answered_at", description="Time of the latest response; null if there was none."
    )
    failing_since: UtcTime | None = Field(
        alias="unresponsive_since",
        description="Time at which the service stopped responding; null if the service responds.",
    )
    next_request_at: UtcTime | None = Field(
        alias="ask_after", description="Time of the next request; null if requests are not delayed."
    )
    error: str = Field(description="Latest error; empty if the service responds.")
    pending_receipts: int = Field(alias="owed", description="Number of pending receipts.")


class Key(ResponseBody):
    """A signing key of an owner, or the key of a device that countersigns bundles."""

    owner: str = Field(alias="owner.slug", description="Short name of the owner.")
    use: str = Field(description="Purpose of the key: `sealing`, `documents` or `device`.")
    public: HexBytes = Field(alias="public_key", description="Public key, hexadecimal.")
    holder: str = Field(description="Holder of the private key: `owner` or `operator`.")
    name: str = Field(description="Name of the device; empty for other keys.")
    state: str = Field(description="State of the key: `in use`, `retired` or `revoked`.")
    created_at: UtcTime = Field(description="Time at which the key was created.")
    retired_at: UtcTime | None = Field(description="Time at which the key was retired; null if it was not retired.")
    revoked_at: UtcTime | None = Field(description="Time at which the key was revoked; null if it was not revoked.")
    revoked_reason: str = Field(description="Reason for the revocation; empty if the key was not revoked.")

    @staticmethod
    def resolve_use(row: AnyKey) -> str:
        return str(get_key_use(row))

    @staticmethod
    def resolve_holder(row: AnyKey) -> str:
        return "owner" if get_key_use(row) is KeyUse.DEVICE else "operator"

    @staticmethod
    def resolve_name(row: AnyKey) -> str:
        return getattr(row, "name", "")

    @staticmethod
    def resolve_state(row: AnyKey) -> str:
        return "revoked" if row.revoked_at else "retired" if row.retired_at else "in use"


class LogFork(ResponseBody):
    """Two checkpoints of one log that contradict each other."""

    log: str = Field(description="Public key of the log.")
    known: str = Field(description="Smaller checkpoint, or the first of two checkpoints of the same size.")
    other: str = Field(description="Larger checkpoint, or the second of two checkpoints of the same size.")
    path: list[str] = Field(description="Hashes of the proof, hexadecimal; empty for checkpoints of the same size.")


class LogCheckpoints(ResponseBody):
    """Signed checkpoints of logs, as C2SP signed notes."""

    heads: list[str] = Field(description="Checkpoints, at most one for each log.")
    forks: list[LogFork] = Field(description="Proofs that a log has signed contradictory checkpoints.")


class Partner(ResponseBody):
    """A partner installation."""

    name: str = Field(description="Name of the partner.")
    url: str = Field(description="URL of the partner.")
    log: str = Field(alias="log_key", description="Public key of the log of the partner.")
    witness: str = Field(alias="witness_key", description="Public key of the log witness of the partner.")
    created_at: UtcTime = Field(alias="made_at", description="Time at which the partner was added.")
    revoked_at: UtcTime | None = Field(description="Time at which the partner was revoked; null if it was not revoked.")
    reason: str = Field(description="Reason for the revocation; empty if the partner was not revoked.")
    checked_at: UtcTime | None = Field(
        alias="looked_at",
        description="Time of the latest check of the log of the partner; null if it has not been checked.",
    )
    problem: str = Field(alias="fault", description="Problem with the log of the partner; empty if there is none.")
    requests_visits: bool = Field(
        alias="captures",
        description="Whether this installation asks the partner to visit the same page for each capture.",
    )
    daily_visits: int = Field(
        alias="visits", description="Maximum number of visits that the partner may request per day."
    )
    has_fork: bool = Field(description="Whether the log of the partner has signed contradictory checkpoints.")

    @staticmethod
    def resolve_has_fork(row: models.Partner) -> bool:
        return row.forks.exists()


class Agreement(ResponseBody):
    """Permission for a partner to run blind searches in this installation."""

    number: int = Field(alias="pk", description="Agreement number.")
    partner: str = Field(alias="partner.name", description="Name of the partner.")
    fields: list[str] = Field(
        alias="fields",
        description=(
            "Data that is returned for each match: `page` (URL), `image` (URL), `seen` (time of the sighting), "
            "`digest` (of the file) or `hash` (perceptual hash)."
        ),
    )
    queries: int = Field(description="Maximum number of queries that the partner may send.")
    used: int = Field(description="Number of queries used so far.")
    created_at: UtcTime = Field(alias="made_at", description="Time at which the agreement was created.")
    valid_until: UtcTime = Field(alias="until", description="Time at which the agreement expires.")
    ended_at: UtcTime | None = Field(
        description="Time at which the operator ended the agreement early; null if it was not ended early."
    )


class BlindMatch(ResponseBody):
    """A picture crawled by a partner that matches works registered in this installation.

    The partner provides the details.
    """

    works: list[str] = Field(description="Matching works, each as `OWNER/NUMBER`.")
    exact: bool = Field(description="Whether the perceptual hashes of the pictures are identical.")
    bands: int = Field(description="Number of matching hash bands.")
    told: dict[str, str] = Field(description="Data that the partner discloses under the agreement.")


class FeedMatch(ResponseBody):
    """A picture crawled by this installation whose hash is similar to a hash in a partner's feed."""

    bits: int = Field(description="Number of bits in which the two hashes differ.")
    theirs: str = Field(description="Hash in the partner's feed.")
    page: str = Field(alias="page_url", description="URL of the page.")
    image: str = Field(alias="image_url", description="URL of the picture.")
    seen: UtcTime | None = Field(
        alias="first_seen",
        description="Time of the first sighting; null if it comes from a web archive that states no time.",
    )
    digest: HexBytes = Field(alias="picture.digest.raw", description="Digest of the picture.")
