"""What answers about cases look like."""

from datetime import datetime

from pydantic import Field

from desk.api.answers import NOON, Answer, Hex
from desk.api.evidence_answers import Bundle


class CaseWork(Answer):
    """The work of a case, in short."""

    number: int
    title: str
    file: str


class CaseLine(Answer):
    """A case in a list."""

    number: int = Field(examples=[3])
    work: CaseWork
    party: str = Field(examples=["shop.example"])
    decision: str = Field(examples=["open"])
    decided_at: datetime | None
    decided_by: str
    reason: str
    demonstration: bool
    waits: bool = Field(description="Whether it waits for a person.")
    opened_at: datetime = Field(examples=[NOON])
    disputed_at: datetime | None = Field(description="Since when a member says that it was decided wrongly.")
    standing: str = Field(
        description="Of its places at their last visits: `online`, `removed` when all of them are, …; empty before one."
    )


class Calibration(Answer):
    """What gave a probability, and its bound on false alarms."""

    name: str
    digest: Hex
    false_alarms_in_a_million_at_most: int
    photographs: int


class Use(Answer):
    """A match at a place."""

    page_url: str
    image_url: str
    first_seen: datetime = Field(examples=[NOON])
    last_seen: datetime = Field(examples=[NOON])
    picture: Hex
    comparison: int = Field(description="Its number, for drawings of it.", examples=[97])
    match: str = Field(description="`certain` or `review`.", examples=["certain"])
    licence: int | None
    hamming: int
    inliers: int
    dense: float
    mirrored: bool
    rotation: int
    probability: float | None
    calibration: Calibration | None


class Capture(Answer):
    """A visit to a place of a case."""

    id: int = Field(examples=[41])
    page_url: str = Field(examples=["https://shop.example/42"])
    number: int = Field(description="1 for the first visit of this place, more for later ones.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]])
    state: str
    method: str
    outcome: str
    standing: str = Field(description="How the place stands: `online`, `removed`, …; empty while it isn't known.")
    sentence: str
    finished_at: datetime | None
    next_at: datetime | None


class CaseEvent(Answer):
    """One line of a case's history."""

    at: datetime = Field(examples=[NOON])
    kind: str
    by: str
    sentence: str


class Case(CaseLine):
    """A case with its uses and bundles."""

    uses: list[Use]
    bundles: list[Bundle]


class FullCase(Case):
    """A case with everything that is known of it."""

    captures: list[Capture]
    history: list[CaseEvent]


class Fit(Answer):
    """How a licence fits a case."""

    licence: int = Field(examples=[2])
    covered: int = Field(description="Places of the case that it covers by its own words.")
    of: int = Field(description="Places of the case.", examples=[3])
    why_not: str = Field(description="What keeps it from the others.", examples=["is for other.example"])


class Fits(Answer):
    """The licences that may permit what a case holds, the likeliest first."""

    licences: list[Fit]


class Outcome(Answer):
    """What came of a decision for one case."""

    done: bool = Field(description="False where somebody else was first.", examples=[True])
    case: CaseLine


class Decided(Answer):
    """What came of a decision on many cases."""

    left: int = Field(description="Cases that wait for a person.", examples=[12])
    outcomes: list[Outcome]
