"""Asking the outside witnesses, and asking again until their receipts are complete."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ExhibitError, ServiceMissingError
from exhibit.ports import Anchor, Receipt, ReceiptState
from registry import steps, witnesses
from registry.models import AnchorReceipt
from workers.wiring import House

ASK_DEVELOPMENT_AGAIN = timedelta(seconds=1)
RETRY_WRONG = timedelta(minutes=5)
"""Until a witness is asked again that answered, but wrongly."""

UNKNOWN = timedelta(hours=1)
"""Until a witness that isn't configured any more is looked for again: it may come back."""


def ask_witnesses(house: House, ids: Sequence[int]) -> None:
    """Submit what is new, upgrade what is pending. A silent witness is asked again later; nothing waits for it."""
    anchors = {(anchor.kind, anchor.name): anchor for anchor in house.anchors}
    silent: dict[Anchor, tuple[datetime, str]] = {}
    witnesses.forgive(ids)
    for pk in steps.claim(AnchorReceipt, ids, house.stale_after):
        row = AnchorReceipt.objects.get(pk=pk)
        anchor = anchors.get((row.kind, row.witness))
        if anchor is None:
            _put_off(pk, f"The witness {row.witness} isn't configured any more.", now() + UNKNOWN)
            continue
        silence = silent.get(anchor) or witnesses.silence_of(anchor.kind, anchor.name) or _ask(row, anchor)
        if silence is not None:  # each further question would wait as long, and others wait behind them
            silent[anchor] = silence
            _put_off(pk, silence[1], silence[0])


def _put_off(pk: int, error: str, until: datetime) -> None:
    AnchorReceipt.objects.filter(pk=pk).update(error=error)
    steps.wait(AnchorReceipt, pk, until)


def _ask(row: AnchorReceipt, anchor: Anchor) -> tuple[datetime, str] | None:
    """Ask for one receipt; until when the witness is left in peace, and why, when it doesn't answer."""
    try:
        receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, receipt_of(row))
    except ServiceMissingError as error:
        longest = ASK_DEVELOPMENT_AGAIN if anchor.development else witnesses.LONGEST_PAUSE
        return witnesses.note_silence(anchor.kind, anchor.name, str(error), longest), str(error)
    except ExhibitError as error:
        _put_off(row.pk, str(error), now() + (ASK_DEVELOPMENT_AGAIN if anchor.development else RETRY_WRONG))
        return None
    witnesses.note_answer(anchor.kind, anchor.name)
    _keep(row, anchor, receipt)
    return None


def _keep(row: AnchorReceipt, anchor: Anchor, receipt: Receipt) -> None:
    """Keep what came, in the transaction that says whether more is to come, unless somebody else has taken over."""
    with transaction.atomic():
        mine = AnchorReceipt.objects.select_for_update(no_key=True)
        if not mine.filter(pk=row.pk, state=row.state, claimed_at=row.claimed_at).exists():
            return
        AnchorReceipt.objects.filter(pk=row.pk).update(
            proof=receipt.proof,
            material={name: base64.b64encode(data).decode() for name, data in receipt.material},
            time=receipt.time,
            qualified=anchor.qualified,
            error="",
        )
        if receipt.state == ReceiptState.COMPLETE:
            steps.finish(AnchorReceipt, [row.pk])
        else:
            pause = ASK_DEVELOPMENT_AGAIN if anchor.development else anchor.patience
            steps.wait(AnchorReceipt, row.pk, now() + pause)


def receipt_of(row: AnchorReceipt) -> Receipt:
    """The receipt as the ports know it."""
    return Receipt(
        kind=row.kind,
        witness=row.witness,
        development=row.development,
        state=ReceiptState.COMPLETE if row.state == "done" else ReceiptState.PENDING,
        proof=bytes(row.proof or b""),
        material=tuple((name, base64.b64decode(text)) for name, text in sorted(row.material.items())),
        time=row.time,
    )
