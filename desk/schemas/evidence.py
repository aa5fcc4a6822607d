"""Bundles, their witnesses, and proofs of the log, as programs are told of them."""

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
    """What an outside witness has answered."""

    kind: str = Field(examples=["rfc3161"])
    witness: str = Field(alias="name")
    development: bool = Field(description="A witness made for trials, without legal weight.")
    state: str = Field(description="`asked`, `pending` or `complete`.", examples=["complete"])
    subject: str = Field(description="What was witnessed: the `manifest` or the `checkpoint` that covers it.")
    time: Moment | None
    qualified_as_of: str | None = Field(description="A day of the operator's list.")

    @staticmethod
    def resolve_qualified_as_of(row: "WitnessFacts") -> str | None:
        return row.qualified or None


class Manifest(Answer):
    """The manifest (C2PA) inside a picture's file; what it states is its signer's word."""

    standing: str = Field(description="`none`, `unreadable`, `invalid` or `valid`.", examples=["valid"])
    signer: str = Field(description="As its certificate names it, which was checked against no list.")
    signed_at: str
    generator: str
    title: str
    actions: list[str] = Field(description="With digital source types.", examples=[["c2pa.created (digitalCapture)"]])
    problems: list[str]


class MetadataIssue(Answer):
    """Part of a file's metadata that is damaged, uncertain, cut, or contradicted. Such values are not used."""

    block: str = Field(
        description="`EXIF`, `IPTC`, `XMP`, `Photoshop`, `PNG text` or `comment`; empty for the whole file.",
        examples=["IPTC"],
    )
    reason: str = Field(
        description="`damaged`, `encoding` (unknown character set), `long` (the value was cut), `conflict` (another "
        "block says something else), or why the file could not be opened.",
        examples=["encoding"],
    )
    field: str = Field(description="Empty where it is not known which field is missing.", examples=["author"])
    text: str = Field(description="What can be read of the value, with U+FFFD for the rest.")
    sentence: str

    resolve_sentence = staticmethod(metadata_problems.sentence_of)

    @classmethod
    def of_work(cls, row: models.Work) -> list[Self]:
        """Return what could not be read of the metadata of a work's file."""
        return cls.of_json(row.metadata)

    @classmethod
    def of_json(cls, stated: Mapping[str, Any]) -> list[Self]:
        """Return what could not be read, from what a file states as a row keeps it."""
        return [cls.from_row(MetadataProblem(**one)) for one in stated.get(PROBLEMS, ())]


class FileStatement(Answer):
    """What a picture's file says of itself; nobody has examined any of it."""

    metadata: dict[str, str] = Field(
        description="From XMP, IPTC and EXIF, what there is: `title`, `author`, `created`, `rights`, `credit`, "
        "`holder`, `licence`, `source_type` (IPTC digital source type), `aigc` (label of GB 45438-2025), `keywords` "
        "and `comment`."
    )
    problems: list[MetadataIssue] = Field(alias="metadata.problems", description="Values that are not used, and why.")
    manifest: Manifest | None = Field(description="None when nobody looked: without the optional part `c2pa`.")

    @staticmethod
    def resolve_metadata(row: "provenance.FileStatement") -> dict[str, str]:
        return row.metadata.as_dict()


class BundleLine(Answer):
    """A bundle in a list."""

    case: int = Field(alias="case.number")
    number: int
    state: str = Field(examples=["done"])
    error: str
    seal: Hex | None = Field(alias="seal_digest")
    sealed_at: Moment | None


class Counted(Answer):
    """How many different witnesses have answered in full, were asked, and are needed."""

    complete: int
    asked: int
    needed: int


class Bundle(BundleLine):
    """Sealed evidence, with what witnesses have answered."""

    witnessed: bool = Field(description="Whether as many witnesses as are needed have answered in full.")
    witnesses: Counted
    receipts: list[Receipt]

    @classmethod
    def together(cls, rows: Sequence[models.Bundle]) -> list[dict[str, object]]:
        """What outside witnesses have answered."""
        from registry.bundles import proofs, witnessed

        receipts = [proofs.witnesses_of(row) if row.seal_digest is not None else () for row in rows]
        counts = [witnessed.witnessed(found, settings.CONFIG.witnesses_needed) for found in receipts]
        return [
            {"witnessed": count.enough, "witnesses": Counted.from_row(count), "receipts": Receipt.from_rows(found)}
            for found, count in zip(receipts, counts, strict=True)
        ]


class LogHead(Answer):
    """A signed head of the log."""

    origin: str = Field(examples=["exhibit.example/log"])
    size: int
    checkpoint: str = Field(alias="note", description="A C2SP signed note.")


class Inclusion(LogHead):
    """That an entry is in the log (RFC 9162, 2.1.3). What it commits to isn't told here."""

    sequence: int
    type: str
    time: Moment = Field(examples=[NOON])
    commitment: Hex
    path: list[Hex]


class Consistency(Answer):
    """That the longer log continues the shorter one (RFC 9162, 2.1.4)."""

    old: int
    new: int
    path: list[Hex]
    checkpoint: str
