"""Errors of the evidence room that a caller tells apart."""

from exhibit.errors import ExhibitError, IntegrityError


class UnknownWitnessError(IntegrityError):
    """A receipt holds in itself, but whoever gave it isn't pinned as trusted: it is not checked rather than wrong."""


class SupersededError(ExhibitError):
    """A witness has cosigned a later head of the log, which covers the one it was asked for."""


class PendingProofError(IntegrityError):
    """A proof can't be checked yet: the witness hasn't spoken, or its word isn't at hand. Nothing is wrong with it."""
