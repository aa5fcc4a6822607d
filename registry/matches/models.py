"""Models for verified matches, and for calibrations that turn measurements into probabilities."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from django.db import models

from exhibit.types import Decision, Matrix, Piece, Verification
from registry.db.fields import DigestField
from registry.pictures.models import Picture

_VERIFICATION_FIELDS = tuple(field.name for field in fields(Verification))


class Match(models.Model):
    """Verified comparison of a found picture with a registered picture (:class:`exhibit.types.Verification`).

    Pairs without a match (``none``) are stored only for searches of new works, so that these searches can be continued.
    """

    registered = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="matches_as_registered")
    found = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="matches_as_found")
    pipeline = models.CharField(max_length=80)
    decision = models.CharField(max_length=9)
    hamming = models.PositiveSmallIntegerField()
    inliers = models.PositiveIntegerField()
    dense = models.FloatField()
    transform = models.JSONField(null=True, blank=True)
    mirrored = models.BooleanField(default=False)
    rotation = models.SmallIntegerField(default=0)
    overlap_work = models.FloatField(default=0)
    overlap_picture = models.FloatField(default=0)
    probability = models.FloatField(null=True, blank=True)
    calibration = DigestField(null=True, blank=True, help_text="digest of the calibration used for the probability")
    reasons = models.JSONField(default=list, blank=True)
    in_place = models.FloatField(null=True, blank=True)
    drift = models.FloatField(null=True, blank=True)
    further = models.JSONField(default=list, blank=True, help_text="transforms of further copies of the same picture")
    pieces = models.JSONField(
        default=list,
        blank=True,
        db_default=[],
        help_text="alignments of parts, if no single transform describes the copy",
    )
    survival = models.JSONField(
        default=list, blank=True, db_default=[], help_text="preservation of each cell of the registered picture"
    )
    related = models.FloatField(null=True, blank=True, help_text="logarithm of the odds that the pictures are related")
    exposure = models.FloatField(
        null=True, blank=True, help_text="logarithm of the odds that both show the same picture"
    )
    figures = models.JSONField(default=dict, blank=True, db_default={}, help_text="measurements by name")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registered", "found", "pipeline"], name="match_identity")]
        indexes = [models.Index(fields=["found"], name="match_of_found", condition=~models.Q(decision="none"))]

    @classmethod
    def from_verification(cls, registered: int, found: int, verification: Verification) -> "Match":
        """Build an unsaved row from the verification of two pictures, given by primary key."""
        values = {name: getattr(verification, name) for name in _VERIFICATION_FIELDS}
        pieces = [asdict(piece) for piece in verification.pieces]
        return cls(registered_id=registered, found_id=found, **values | {"pieces": pieces})

    @property
    def verification(self) -> Verification:
        """The stored verification."""
        values = {name: getattr(self, name) for name in _VERIFICATION_FIELDS}
        converted = {
            "decision": Decision(self.decision),
            "transform": None if self.transform is None else _to_matrix(self.transform),
            "reasons": tuple(self.reasons),
            "further": tuple(_to_matrix(rows) for rows in self.further),
            "pieces": tuple(_to_piece(**piece) for piece in self.pieces),
            "survival": tuple(self.survival),
        }
        return Verification(**values | converted)


def _to_matrix(rows: Sequence[Sequence[float]]) -> Matrix:
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in rows)
    return first, second, third


def _to_piece(box: Sequence[float], transform: Sequence[Sequence[float]]) -> Piece:
    left_edge, top_edge, right_edge, bottom_edge = map(float, box)
    return Piece((left_edge, top_edge, right_edge, bottom_edge), _to_matrix(transform))


class CalibrationRow(models.Model):
    """A calibration of measurements to probabilities (``calibration.Calibration``), kept while a match refers to it."""

    digest = DigestField(unique=True)
    name = models.CharField(max_length=80)
    pipeline = models.CharField(max_length=80)
    content = models.TextField(help_text="canonical JSON")
    shipped = models.BooleanField(help_text="included in the software; the installation's own takes precedence")
    used_from = models.DateTimeField(
        null=True, blank=True, help_text="time of the last activation; null if no longer in use"
    )
