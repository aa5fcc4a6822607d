"""`exhibit keep`: reports of a picture as illegal taken back."""

from exhibit.digests import Digest
from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, copy_of, found_case, owner, photograph, register
from workers.cases.reported import report_picture
from workers.steps.matching.match import match_pictures


def test_a_reported_picture_may_stay_and_is_seen_again(cli: Terminal, studio: str) -> None:
    assert "No member reported" in cli.run("keep", "0" * 64, "--reason", "no", code=2).err
    case = found_case(cli.desk.services, Owner.objects.get())
    rival = owner("rival")  # with a case of somebody else it isn't purged at once
    register(cli.desk.services, rival, photograph(1))
    planned, epoch = claimed_slice(rival, "other")
    match_pictures(cli.desk.services, bring(cli.desk.services, planned, epoch, [copy_of(photograph(1))]))
    report_picture(cli.desk.services, case, by="Ann", reason="It shows a child.")
    digest = Digest.of(copy_of(photograph(1))).hex
    assert cli.run("keep", digest, "--reason", "A portrait").out == f"{digest} stays; 1 owner sees it again.\n"
