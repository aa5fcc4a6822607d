"""Heads of others' logs: the last that was cosigned of each, and those that contradict one another."""

from django.db import transaction

from exhibit.clock import now
from registry.log import audit_log
from registry.models import LogFork, Partner, WitnessedHead


def hold(partner: Partner) -> WitnessedHead:
    """The last head cosigned of a partner's log, locked for this transaction; of none yet, that of no entries."""
    row = WitnessedHead(partner=partner, origin=partner.origin, size=0, root=b"", note="", cosigned_at=now())
    WitnessedHead.objects.bulk_create([row], ignore_conflicts=True)
    return WitnessedHead.objects.select_for_update().get(origin=partner.origin)


def seen() -> list[WitnessedHead]:
    """The last heads that were cosigned."""
    return list(WitnessedHead.objects.filter(size__gt=0).order_by("origin"))


def has_forked(origin: str) -> bool:
    """Whether a log has signed two heads that can't both be true."""
    return LogFork.objects.filter(origin=origin).exists()


def note_fork(partner: Partner, known: str, other: str, source: str, path: tuple[bytes, ...] = ()) -> None:
    """Keep two signed heads that contradict each other, the first two of a log; an entry of the log says so.

    Where their sizes differ, ``path`` is a consistency proof that leads to the larger and not from the smaller one.
    """
    with transaction.atomic():
        proof = [step.hex() for step in path]
        _, new = LogFork.objects.get_or_create(
            origin=partner.origin,
            defaults={
                "partner": partner, "known": known, "other": other, "path": proof, "source": source, "found_at": now()
            },
        )  # fmt: skip
        if new:
            about = {"partner": partner.name, "log": partner.log_key, "known": known, "other": other, "path": proof}
            audit_log.changed("log of a partner forked", by="", about=about)
