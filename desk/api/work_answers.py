"""What answers about works look like."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from desk.api.answers import NOON, Answer, Hex


class Mask(Answer):
    """A part of a picture that isn't compared."""

    model_config = ConfigDict(extra="allow")

    kind: str
    sentence: str


class Picture(Answer):
    """A picture of a work."""

    digest: Hex
    format: str = Field(examples=["jpeg"])
    width: int | None
    height: int | None
    bytes: int
    masked: list[Mask]


class Conflict(Answer):
    """That somebody else registered the same or a near-same picture earlier."""

    sentence: str
    date: date


class Work(Answer):
    """A registered work."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    author: str
    file: str = Field(description="The name of the file that was registered.", examples=["harbour.jpg"])
    rights: str
    first_publication: str = Field(examples=["2024-05-31"])
    registrations: list[dict[str, str]]
    registered_at: datetime = Field(examples=[NOON])
    flags: list[str] = Field(description="Why it can't be matched safely; empty when it can.")
    conflicts: list[Conflict]
    pictures: list[Picture]


class WorkCase(Answer):
    """A case of a work, in short."""

    number: int
    party: str
    decision: str


class Stated(Answer):
    """What a file, or the declaration, states in one field."""

    field: str = Field(examples=["Author"])
    text: str = Field(examples=["B. Somebody"])


class Remark(Answer):
    """Something that a person should look at before the work is relied on. It decides nothing."""

    kind: str = Field(examples=["credit"])
    sentence: str = Field(examples=["The file names somebody else than you declare."])
    stated: list[Stated]
    noted_at: datetime = Field(examples=[NOON])
    answered_at: datetime | None
    answered_by: str
    reason: str


class Term(Answer):
    """What the dates that were entered say of the protection in one country; no legal advice."""

    country: str = Field(examples=["CN"])
    standing: str = Field(description="`over`, `running` or `unknown`.", examples=["running"])
    source: str = Field(description="The rule.")


class Document(Answer):
    """A document beside a work, such as one of its chain of title."""

    number: int = Field(examples=[1])
    name: str = Field(examples=["contract.pdf"])
    about: str = Field(examples=["Transfer of rights"])
    digest: Hex | None
    bytes: int = Field(examples=[48213])
    added_by: str
    added_at: datetime = Field(examples=[NOON])


class Change(Answer):
    """One line of a work's history."""

    number: int = Field(examples=[1])
    at: datetime = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    kind: str = Field(examples=["edited"])
    details: dict[str, Any] = Field(
        description="By field: before and after; or what it was about.",
        examples=[{"author": {"before": "", "after": "A. Example"}}],
    )
    reason: str


class FullWork(Work):
    """A work with all that is declared of it, what speaks against that, its cases, and how far its search is."""

    author_kind: str = Field(examples=["person"])
    author_died: int | None = Field(description="The year.")
    holder: str = Field(description="If it isn't the owner.")
    credit: str = Field(description="How the work is to be credited.")
    created: str = Field(examples=["2024-05"])
    medium: str = Field(examples=["photograph"])
    version: int = Field(description="How often it was changed.", examples=[2])
    stated: dict[str, Any] = Field(description="What the file states of itself.", examples=[{"author": "A. Example"}])
    remarks: list[Remark]
    terms: list[Term]
    documents: list[Document]

    cases: list[WorkCase]
    search: list[dict[str, Any]]
    seen_before: list[dict[str, Any]]


class RegisteredWork(Work):
    """A work as it was registered; ``new`` is false when the same picture was registered before."""

    new: bool


class Deposit(Answer):
    """A deposit record: what was declared of a work, sealed and logged. It creates no right."""

    work: int
    number: int
    seal: Hex
    sealed_at: datetime = Field(examples=[NOON])
    made_by: str


class Upload(Answer):
    """Files that somebody brings to become works, and how far they are, counted in files."""

    number: int = Field(examples=[1])
    author: str = Field(description="Declared of all files that nothing else names.")
    rights: str
    reads_metadata: bool
    table: str = Field(description="The name of the table that declares the files.", examples=["works.csv"])
    started_by: str
    started_at: datetime = Field(examples=[NOON])
    closed_at: datetime | None
    announced: int
    arrived: int
    waiting: int
    registered: int = Field(description="New works.")
    known: int = Field(description="Works before.")
    refused: int
    done: bool = Field(description="Nothing more is going to happen.")


class UploadFile(Answer):
    """A file of an upload, and what came of it."""

    name: str = Field(examples=["2024/harbour.jpg"])
    bytes: int
    digest: Hex | None
    state: str = Field(examples=["done"])
    outcome: str = Field(
        description="`registered`, `known` or `refused`; empty while it waits.", examples=["registered"]
    )
    reason: str = Field(description="Why it was refused, a stable word.")
    why: str
    what_to_do: str
    work: int | None = Field(examples=[12])


class UploadLine(Answer):
    """A line of an upload's table."""

    file: str = Field(examples=["harbour.jpg"])
    declared: dict[str, Any] = Field(examples=[{"title": "Harbour at dawn"}])


class FoundWork(Answer):
    """A work that a picture shows, with the figures of the comparison, which docs/stand-alone.md explains."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    file: str
    picture: Hex
    decision: str = Field(description="`certain` or `review`.", examples=["certain"])
    probability: float | None
    calibration: Hex | None
    hamming: int
    inliers: int
    dense: float
    in_place: float | None
    drift: float | None
    transform: list[list[float]] | None
    further: list[list[list[float]]]
    mirrored: bool
    rotation: int
    overlap_work: float
    overlap_picture: float
    reasons: list[str]
    pipeline: str
    sentences: list[str]
    registered_at: datetime = Field(examples=[NOON])


class Identified(Answer):
    """What came of one picture: the surest work first."""

    digest: Hex
    too_plain: list[str] = Field(description="Why it can't be told apart from others; empty when it can.")
    works: list[FoundWork]
