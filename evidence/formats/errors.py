"""Errors of the evidence package that callers distinguish."""

from exhibit.errors import ExhibitError, IntegrityError


class UntrustedIssuerError(IntegrityError):
    """A receipt is valid, but its issuer is not pinned as trusted. The receipt counts as not checked, not as wrong."""


class SupersededError(ExhibitError):
    """A log witness has already cosigned a later checkpoint, which covers the requested checkpoint."""


class PendingProofError(IntegrityError):
    """A proof cannot be checked yet: the timestamp service has not responded, or its data is not available.

    This is not a failure of the proof.
    """
