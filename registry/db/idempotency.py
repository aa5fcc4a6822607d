"""Idempotency keys: the first response to a request is stored with its effects, and returned to repeated requests."""

from datetime import timedelta

from django.db import OperationalError, connection, models
from psycopg.errors import LockNotAvailable

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError
from registry.db.fields import DigestField

RESPONSE_RETENTION = timedelta(days=2)
_LOCK_TIMEOUT = "5s"


class KeptAnswer(models.Model):
    """The response to a request with an idempotency key, stored in the transaction of the request's changes."""

    caller = models.CharField(max_length=40, help_text="the token or person, such as token:7")
    key = models.CharField(max_length=200)
    request = DigestField(help_text="digest of method, URL and body")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="kept_answer_identity")]
        indexes = [models.Index(fields=["made_at"], name="kept_answer_expiry")]


class RequestInProgressError(ConflictError):
    """The same request is already being processed."""


def start_request(caller: str, key: str, request: Digest) -> KeptAnswer | None:
    """Start processing a request, in the transaction of its changes.

    A second request with the same key waits up to five seconds for the first to end. It then gets the stored response,
    or, if the first request failed without one, is processed itself.

    Returns:
        ``None`` if the caller must process the request; otherwise the stored response, which may belong to a different
        request with the same key.

    Raises:
        RequestInProgressError: The first request takes longer than five seconds.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
            cursor.execute(
                "INSERT INTO registry_keptanswer (caller, key, request, status, body, made_at)"
                " VALUES (%s, %s, %s, 0, '', %s) ON CONFLICT (caller, key) DO NOTHING RETURNING id",
                [caller, key, request.raw, now()],
            )
            is_new = cursor.fetchone() is not None
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise RequestInProgressError("This request is still being processed.", retry=True) from error
    return None if is_new else KeptAnswer.objects.get(caller=caller, key=key)


def store_response(caller: str, key: str, status: int, body: str) -> None:
    """Store the response to a request that was started with :func:`start_request`, in the same transaction."""
    KeptAnswer.objects.filter(caller=caller, key=key).update(status=status, body=body)


def delete_old_responses() -> int:
    """Delete responses that have expired; return their number."""
    return KeptAnswer.objects.filter(made_at__lt=now() - RESPONSE_RETENTION).delete()[0]
