"""Responses about bundles, timestamps and proofs of the log."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, Hex, ResponseBody, UtcTime
from desk.texts import metadata_problems
from exhibit.pictures.metadata import MetadataProblem
from registry import models
from registry.works.ownership import PROBLEMS

if TYPE_CHECKING:
    from evidence.facts.case import TimestampFacts
    from registry.pictures import provenance


class Receipt(ResponseBody):
    """A timestamp receipt."""

    kind: str = Field(
        examples=["rfc3161"],
        description="Type of the timestamp service: `rfc3161`, `opentimestamps`, `evm` or `witness` (log witness).",
    )
    service: str = Field(alias="name", description="Name of the timestamp service.")
    development: bool = Field(description="Whether the service is a test service without legal weight.")
    state: str = Field(
        description="State of the receipt: `requested`, `pending` (received, but incomplete) or `complete`.",
        examples=["complete"],
    )
    subject: str = Field(
        description=(
            "Timestamped object: `manifest` (the list of the sealed files) or `checkpoint` (a checkpoint of the log "
            "that includes the corresponding log entry)."
        )
    )
    time: UtcTime | None = Field(description="Time that the receipt proves; null until the receipt is complete.")
    qualified_as_of: str | None = Field(
        description=(
            "Date of the operator's trusted list that names the timestamp service as qualified; null if no "
            "trusted list names it."
        )
    )

    @staticmethod
    def resolve_qualified_as_of(row: "TimestampFacts") -> str | None:
        return row.qualified or None


class Manifest(ResponseBody):
    """Content credentials (C2PA) in a picture file. They contain claims by the signer, which are not verified."""

    status: str = Field(
        alias="standing",
        description=(
            "Status of the content credentials: `none` (the file has none), `unreadable`, `invalid` or `valid`."
        ),
        examples=["valid"],
    )
    signer: str = Field(
        description="Name in the signer's certificate. The certificate is not checked against a trust list."
    )
    signed_at: str = Field(description="Signing time according to the signature.")
    generator: str = Field(description="Software that wrote the manifest.")
    title: str = Field(description="Title in the manifest.")
    actions: list[str] = Field(
        description="Actions recorded in the manifest, each with its digital source type in parentheses.",
        examples=[["c2pa.created (digitalCapture)"]],
    )
    problems: list[str] = Field(description="Reasons why the manifest is invalid or unreadable.")


class MetadataIssue(ResponseBody):
    """File metadata that is damaged, ambiguous, truncated or contradictory. Such values are not used."""

    block: str = Field(
        description="Metadata block: `EXIF`, `IPTC`, `XMP`, `Photoshop`, `PNG text` or `comment`; empty for the "
        "whole file.",
        examples=["IPTC"],
    )
    reason: str = Field(
        description=(
            "Stable identifier of the problem: `damaged`, `encoding` (unknown character set), `long` (truncated "
            "because it is too long), `conflict` (contradicts another block), or another identifier if the file "
            "could not be read."
        ),
        examples=["encoding"],
    )
    field: str = Field(description="Name of the field; empty if it is unknown.", examples=["author"])
    text: str = Field(description="Value of the field, with U+FFFD in place of unreadable characters.")
    sentence: str = Field(description="Description of the problem.")

    resolve_sentence = staticmethod(metadata_problems.describe_problem)

    @classmethod
    def from_work(cls, row: models.Work) -> list[Self]:
        """Return the problems in the metadata of a work's file."""
        return cls.from_json(row.metadata)

    @classmethod
    def from_json(cls, metadata: Mapping[str, Any]) -> list[Self]:
        """Return the problems in a file's metadata, as stored in a JSON field."""
        return [cls.from_row(MetadataProblem(**problem)) for problem in metadata.get(PROBLEMS, ())]


class FileStatement(ResponseBody):
    """Metadata and content credentials in a picture file. They are not verified."""

    metadata: dict[str, str] = Field(
        description=(
            "Values found in XMP, IPTC or EXIF, by name: `title`, `author`, `created`,"
            " `rights`, `credit`, `holder`, `licence`, `source_type` (IPTC digital source "
            "type), `aigc` (label of GB 45438-2025), `keywords` and `comment`."
        )
    )
    problems: list[MetadataIssue] = Field(
        alias="metadata.problems", description="Metadata values that are not used, with the reasons."
    )
    manifest: Manifest | None = Field(
        description="Content credentials; null if the optional component `c2pa` is not installed."
    )

    @staticmethod
    def resolve_metadata(row: "provenance.FileStatement") -> dict[str, str]:
        return row.metadata.as_dict()


class BundleSummary(ResponseBody):
    """A bundle in a list."""

    case: int = Field(alias="case.number", description="Case number.")
    number: int = Field(description="Bundle number.")
    state: str = Field(examples=["done"], description="State of the bundle: `queued`, `running`, `done` or `failed`.")
    error: str = Field(description="Reason why the bundle could not be sealed; empty if there was no error.")
    seal: Hex | None = Field(alias="seal_digest", description="Digest of the seal; null until the bundle is sealed.")
    sealed_at: UtcTime | None = Field(description="Time at which the bundle was sealed; null until then.")


class TimestampCounts(ResponseBody):
    """Numbers of timestamp services. Several receipts of one service count once."""

    complete: int = Field(description="Number of services with a complete receipt.")
    requested: int = Field(description="Number of services to which a request was sent.")
    required: int = Field(
        alias="needed",
        description="Number of services whose complete receipts are required before a bundle counts as timestamped.",
    )


class Bundle(BundleSummary):
    """A bundle with its timestamps."""

    is_timestamped: bool = Field(
        alias="witnessed", description="Whether the required number of services have complete receipts."
    )
    timestamps: TimestampCounts = Field(alias="timestamps", description="Numbers of timestamp services.")
    receipts: list[Receipt] = Field(description="Timestamp receipts.")

    @classmethod
    def load_shared_fields(cls, rows: Sequence[models.Bundle]) -> list[dict[str, object]]:
        """Return the receipts and the numbers of timestamp services of each bundle."""
        from registry.bundles import proofs, timestamp_status

        receipts = [proofs.list_bundle_timestamps(row) if row.seal_digest is not None else () for row in rows]
        counts = [
            timestamp_status.count_timestamps(bundle_receipts, settings.CONFIG.timestamps_needed)
            for bundle_receipts in receipts
        ]
        return [
            {
                "is_timestamped": count.is_sufficient,
                "timestamps": TimestampCounts.from_row(count),
                "receipts": Receipt.from_rows(bundle_receipts),
            }
            for bundle_receipts, count in zip(receipts, counts, strict=True)
        ]


class LogCheckpoint(ResponseBody):
    """A signed checkpoint of the log."""

    origin: str = Field(examples=["exhibit.example/log"], description="Name of the log.")
    size: int = Field(description="Number of log entries that the checkpoint covers.")
    checkpoint: str = Field(alias="note", description="Checkpoint as a C2SP signed note.")


class Inclusion(LogCheckpoint):
    """Proof that an entry is in the log (RFC 9162, section 2.1.3), without the content of the entry."""

    sequence: int = Field(description="Sequence number of the entry in the log.")
    type: str = Field(description="Type of the entry.")
    time: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the entry was written.")
    commitment: Hex = Field(description="Salted SHA-256 commitment to the content.")
    path: list[Hex] = Field(description="Hashes of the inclusion proof, from the leaf to the root.")


class Consistency(ResponseBody):
    """Proof that the larger log contains all entries of the smaller one (RFC 9162, section 2.1.4)."""

    old: int = Field(description="Number of entries in the smaller log.")
    new: int = Field(description="Number of entries in the larger log.")
    path: list[Hex] = Field(description="Hashes of the consistency proof.")
    checkpoint: str = Field(description="Checkpoint of the larger log, as a C2SP signed note.")
