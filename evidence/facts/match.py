"""The facts of a comparison: its figures, its drawings, and the calibration that gave it a probability."""

from dataclasses import dataclass, field

from exhibit.comparison.calibration import LikelihoodRatio, likelihood_ratio
from exhibit.digests import Digest
from exhibit.types import LATER, Count, Number, Verification


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """The measured comparison of a seen picture with a registered one.

    Attributes:
        number: from 1.
        work_picture: digest of the registered picture.
        picture: digest of the seen picture.
        sightings: numbers of the sightings that show it.
        verification: every figure.
        words: the figures in sentences, English.
        overlay: path of the overlay picture, or ``None``.
        side_by_side: path of the side-by-side picture, or ``None``.
        difference: path of the picture that shows what differs, or ``None``.
        points: path of the picture that numbers the same details in both, or ``None``.
    """

    number: Number
    work_picture: Digest
    picture: Digest
    sightings: tuple[int, ...]
    verification: Verification
    words: tuple[str, ...]
    overlay: str | None
    side_by_side: str | None
    difference: str | None = field(default=None, metadata=LATER)
    points: str | None = field(default=None, metadata=LATER)

    @property
    def drawings(self) -> dict[str, str]:
        """The paths of all drawings that there are, by their role."""
        drawn = {
            "side-by-side": self.side_by_side,
            "overlay": self.overlay,
            "difference": self.difference,
            "points": self.points,
        }
        return {role: path for role, path in drawn.items() if path is not None}


@dataclass(frozen=True, slots=True)
class BoundFacts:
    """False alarms that were counted when a calibration was made.

    Attributes:
        photographs: how many independent photographs were searched for.
        failed: in how many of them something was taken for a copy that isn't one.
        at_most_in_a_million: what follows from both, with 95% confidence (Clopper and Pearson, one-sided).
    """

    photographs: Count
    failed: Count
    at_most_in_a_million: Count


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """How figures became probabilities; the file holds all of it.

    Attributes:
        name: such as ``default-2026-11``.
        made: the day, ISO 8601.
        data: what was measured, in words.
        digest: of the file.
        file: where it lies in the bundle.
        certain: false alarms among what was called certain.
        review: false alarms among what was put up for review.
        prior: share of copies that it supposes before anything is measured; ``None`` in earlier facts.
        photographs: how many stand behind its weights and its curve; 0 in earlier facts.
    """

    name: str
    made: str
    data: str
    digest: Digest
    file: str
    certain: BoundFacts
    review: BoundFacts
    prior: float | None = field(default=None, metadata=LATER)
    photographs: Count = field(default=0, metadata=LATER)

    def ratio(self, probability: float | None) -> LikelihoodRatio | None:
        """The likelihood ratio that a probability stands for; ``None`` where the facts don't name the prior."""
        if probability is None or self.prior is None:
            return None
        return likelihood_ratio(probability, self.prior, self.photographs)
