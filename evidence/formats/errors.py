"""Errors of the evidence package that callers distinguish."""

from exhibit.errors import ExhibitError, IntegrityError


class UntrustedIssuerError(IntegrityError):
    """A receipt is valid in itself, but its issuer is not pinned as trusted: it is not checked, rather than wrong."""


class SupersededError(ExhibitError):
    """A witness has cosigned a later checkpoint of the log, which covers the requested one."""


class PendingProofError(IntegrityError):
    """A proof cannot be checked yet: the witness has not responded, or its data is not available.

    Nothing is wrong with it.
    """
