"""When a witness is expected follows from how long it took lately."""

from datetime import timedelta

import pytest

from exhibit.digests import Digest
from registry.models import AnchorReceipt, LogCheckpoint
from workers.log.witness_answers import usual_waits


def answered(checkpoint: LogCheckpoint, witness: str, hours: float) -> None:
    AnchorReceipt.objects.create(
        kind="evm", witness=witness, digest=Digest.of(f"{checkpoint.pk} {witness}".encode()), checkpoint=checkpoint,
        state="done", grown_at=checkpoint.made_at + timedelta(hours=hours),
    )  # fmt: skip


@pytest.mark.django_db
def test_a_witness_usually_takes_the_middle_of_what_it_took_lately() -> None:
    for size, hours in enumerate((1, 2, 9), 1):
        made = LogCheckpoint.objects.create(origin="a/log", size=size, root=b"", note="")
        answered(made, "chain", hours)
    answered(made, "other", 5)
    assert usual_waits() == {("evm", "chain"): timedelta(hours=2), ("evm", "other"): timedelta(hours=5)}
