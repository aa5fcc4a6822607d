"""Asking the outside witnesses, and asking again until their receipts are complete."""

import base64
from collections.abc import Sequence
from datetime import timedelta

from exhibit.clock import now
from exhibit.errors import ExhibitError, ServiceMissingError
from exhibit.ports import Anchor, Receipt, ReceiptState
from registry import steps
from registry.models import AnchorReceipt
from workers.wiring import House

ASK_DEVELOPMENT_AGAIN = timedelta(seconds=1)
RETRY_DEAD = timedelta(minutes=5)
UNKNOWN = timedelta(hours=1)
"""Until a witness that isn't configured any more is looked for again: it may come back."""


def ask_witnesses(house: House, ids: Sequence[int]) -> None:
    """Submit what is new, upgrade what is pending. A silent witness is asked again later; nothing waits for it."""
    anchors = {(anchor.kind, anchor.name): anchor for anchor in house.anchors}
    silent: dict[Anchor, str] = {}
    for pk in steps.claim(AnchorReceipt, ids, house.stale_after):
        row = AnchorReceipt.objects.get(pk=pk)
        anchor = anchors.get((row.kind, row.witness))
        if anchor is None:
            _put_off(pk, f"The witness {row.witness} isn't configured any more.", UNKNOWN)
            continue
        if anchor not in silent:
            try:
                _ask(row, anchor)
            except ServiceMissingError as error:
                silent[anchor] = str(error)
            except ExhibitError as error:
                _put_off(pk, str(error), ASK_DEVELOPMENT_AGAIN if anchor.development else RETRY_DEAD)
        if anchor in silent:  # each further question would wait as long, and others wait behind them
            _put_off(pk, silent[anchor], ASK_DEVELOPMENT_AGAIN if anchor.development else RETRY_DEAD)


def _put_off(pk: int, error: str, pause: timedelta) -> None:
    AnchorReceipt.objects.filter(pk=pk).update(error=error)
    steps.wait(AnchorReceipt, pk, now() + pause)


def _ask(row: AnchorReceipt, anchor: Anchor) -> None:
    receipt = anchor.submit(row.digest) if row.proof is None else anchor.upgrade(row.digest, receipt_of(row))
    AnchorReceipt.objects.filter(pk=row.pk).update(
        proof=receipt.proof,
        material={name: base64.b64encode(data).decode() for name, data in receipt.material},
        time=receipt.time,
        error="",
    )
    if receipt.state == ReceiptState.COMPLETE:
        steps.finish(AnchorReceipt, [row.pk])
    else:
        steps.wait(AnchorReceipt, row.pk, now() + (ASK_DEVELOPMENT_AGAIN if anchor.development else anchor.patience))


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
