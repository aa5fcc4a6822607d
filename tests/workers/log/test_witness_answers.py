"""When a witness is expected follows from how long it took lately; the best checkpoint is that of most witnesses."""

from datetime import timedelta

import pytest

from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry.log.log import submit
from registry.models import AnchorReceipt, LogCheckpoint
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.log.witness_answers import best_checkpoints, usual_waits
from workers.tasks.sync_runner import SyncRunner


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


def test_of_the_checkpoints_that_cover_a_seal_the_one_with_most_answers_shows_it_best(inline: SyncRunner) -> None:
    seal = submit(EntryType.SEAL, {"manifest": "00"})
    assert best_checkpoints([seal.pk]) == {}
    made = []
    for number in range(3):
        submit(EntryType.CASE, {"number": number})
        sequence_log(inline.services)
        checkpoint = sign_checkpoint(inline.services)
        assert checkpoint is not None
        made.append(checkpoint)
    assert best_checkpoints([seal.pk]) == {seal.pk: made[0].pk}
    for checkpoint in made[1:]:
        answered(checkpoint, "chain", 1)
    assert best_checkpoints([seal.pk]) == {seal.pk: made[1].pk}
    answered(made[2], "other", 1)
    assert best_checkpoints([seal.pk]) == {seal.pk: made[2].pk}
