"""Responses about bundles, timestamps and proofs of the log."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from desk.texts import metadata_problems
from exhibit.pictures.metadata import MetadataProblem
from registry import models
from registry.works.ownership import PROBLEMS

if TYPE_CHECKING:
    from evidence.facts.case import WitnessFacts
    from registry.pictures import provenance


class Receipt(Answer):
    """A timestamp receipt."""

    kind: str = Field(
        examples=["rfc3161"],
        description="Type of the timestamp service: `rfc3161`, `opentimestamps`, `evm` or `witness`.",
    )
    service: str = Field(alias="name", description="Name of the timestamp service.")
    development: bool = Field(description="Whether it is a test service without legal weight.")
    state: str = Field(description="`asked`, `pending` or `complete`.", examples=["complete"])
    subject: str = Field(description="What was timestamped: the `manifest`, or the `checkpoint` that includes it.")
    time: Moment | None = Field(description="Time that the receipt proves; null while it is incomplete.")
    qualified_as_of: str | None = Field(
        description="Date of the operator's list that names the timestamp as qualified; null otherwise."
    )

    @staticmethod
    def resolve_qualified_as_of(row: "WitnessFacts") -> str | None:
        return row.qualified or None


class Manifest(Answer):
    """Content credentials (C2PA) in a picture's file. Its content is stated by the signer."""

    status: str = Field(alias="standing", description="`none`, `unreadable`, `invalid` or `valid`.", examples=["valid"])
    signer: str = Field(description="Name in the signer's certificate, which was not checked against a trust list.")
    signed_at: str = Field(description="Time stated by the signature.")
    generator: str = Field(description="Software that wrote the manifest.")
    title: str
    actions: list[str] = Field(
        description="Actions with their digital source types.", examples=[["c2pa.created (digitalCapture)"]]
    )
    problems: list[str] = Field(description="Reasons why it is invalid or unreadable.")


class MetadataIssue(Answer):
    """File metadata that is damaged, ambiguous, truncated or contradictory. Such values are not used."""

    block: str = Field(
        description="`EXIF`, `IPTC`, `XMP`, `Photoshop`, `PNG text` or `comment`; empty for the whole file.",
        examples=["IPTC"],
    )
    reason: str = Field(
        description=(
            "`damaged`, `encoding` (unknown character set), `long` (truncated), `conflict` "
            "(contradicts another block), or why the file could not be read."
        ),
        examples=["encoding"],
    )
    field: str = Field(description="Name of the field; empty if it is unknown.", examples=["author"])
    text: str = Field(description="Readable part of the value, with U+FFFD for the rest.")
    sentence: str = Field(description="Description of the problem.")

    resolve_sentence = staticmethod(metadata_problems.describe_problem)

    @classmethod
    def of_work(cls, row: models.Work) -> list[Self]:
        """Return what could not be read of the metadata of a work's file."""
        return cls.of_json(row.metadata)

    @classmethod
    def of_json(cls, stated: Mapping[str, Any]) -> list[Self]:
        """Return what could not be read, from what a file states as a row keeps it."""
        return [cls.from_row(MetadataProblem(**problem)) for problem in stated.get(PROBLEMS, ())]


class FileStatement(Answer):
    """Statements in a picture's file. They are not verified."""

    metadata: dict[str, str] = Field(
        description=(
            "Values from XMP, IPTC and EXIF, as far as present: `title`, `author`, `created`,"
            " `rights`, `credit`, `holder`, `licence`, `source_type` (IPTC digital source "
            "type), `aigc` (label of GB 45438-2025), `keywords` and `comment`."
        )
    )
    problems: list[MetadataIssue] = Field(
        alias="metadata.problems", description="Values that are not used, with the reason."
    )
    manifest: Manifest | None = Field(
        description="Content credentials; null if the optional part `c2pa` is not installed."
    )

    @staticmethod
    def resolve_metadata(row: "provenance.FileStatement") -> dict[str, str]:
        return row.metadata.as_dict()


class BundleSummary(Answer):
    """A bundle in a list."""

    case: int = Field(alias="case.number", description="Number of the case.")
    number: int
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    error: str = Field(description="Reason of a failure; empty otherwise.")
    seal: Hex | None = Field(alias="seal_digest", description="Digest of the seal; null until it is sealed.")
    sealed_at: Moment | None


class TimestampCounts(Answer):
    """Numbers of different timestamp services."""

    complete: int = Field(description="Services with a complete receipt.")
    requested: int = Field(alias="asked", description="Services that were requested.")
    required: int = Field(alias="needed", description="Services that are required.")


class Bundle(BundleSummary):
    """Sealed evidence with its timestamps."""

    is_timestamped: bool = Field(
        alias="witnessed", description="Whether the required number of timestamps is complete."
    )
    timestamps: TimestampCounts = Field(alias="witnesses", description="Numbers of timestamp services.")
    receipts: list[Receipt] = Field(description="Timestamp receipts.")

    @classmethod
    def together(cls, rows: Sequence[models.Bundle]) -> list[dict[str, object]]:
        """What outside witnesses have answered."""
        from registry.bundles import proofs, timestamp_status

        receipts = [proofs.timestamps_of(row) if row.seal_digest is not None else () for row in rows]
        counts = [
            timestamp_status.count_timestamps(bundle_receipts, settings.CONFIG.witnesses_needed)
            for bundle_receipts in receipts
        ]
        return [
            {
                "is_timestamped": count.enough,
                "timestamps": TimestampCounts.from_row(count),
                "receipts": Receipt.from_rows(bundle_receipts),
            }
            for bundle_receipts, count in zip(receipts, counts, strict=True)
        ]


class LogCheckpoint(Answer):
    """A signed checkpoint of the log."""

    origin: str = Field(examples=["exhibit.example/log"], description="Name of the log.")
    size: int = Field(description="Number of entries.")
    checkpoint: str = Field(alias="note", description="Checkpoint as a C2SP signed note.")


class Inclusion(LogCheckpoint):
    """Proof that an entry is in the log (RFC 9162, section 2.1.3). The entry's content is not included."""

    sequence: int = Field(description="Number of the entry.")
    type: str = Field(description="Type of the entry.")
    time: Moment = Field(examples=[NOON])
    commitment: Hex = Field(description="Salted SHA-256 commitment to the content.")
    path: list[Hex] = Field(description="Hashes of the inclusion proof.")


class Consistency(Answer):
    """Proof that the longer log continues the shorter one (RFC 9162, section 2.1.4)."""

    old: int = Field(description="Number of entries of the shorter log.")
    new: int = Field(description="Number of entries of the longer log.")
    path: list[Hex] = Field(description="Hashes of the consistency proof.")
    checkpoint: str = Field(description="Checkpoint of the longer log, as a C2SP signed note.")
