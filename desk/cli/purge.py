"""Removing a picture's bytes everywhere."""

from collections import Counter

from desk.cli.common.command import PictureMeant, Reason, Yes, command
from desk.cli.common.frame import ask, open_desk, person
from desk.cli.common.show import counted, say
from desk.cli.rules import digest_meant


@command("purge", 'picture.jpg --reason "Court order 12/2026" --yes')
def purge_command(*, what: PictureMeant, reason: Reason, yes: Yes) -> None:
    """Remove a picture's bytes everywhere, for good, and never store them again.

    The picture is named by its SHA-256 or by a file with the same bytes. Its digest stays in the log. What goes with it
    is listed first: files that hold its bytes are removed, what shows it is set aside, and what merely stood on the
    same page stays.
    """
    digest = digest_meant(what)
    desk = open_desk()
    from workers.cases import purge

    for kept, words in ((False, "removed with it"), (True, "withheld from view, and kept")):
        of = Counter(
            (row.owner or "no owner", row.what) for row in purge.touched(desk.services, digest) if row.kept is kept
        )
        for (owner, of_what), files in sorted(of.items()):
            say(f"{owner}, {of_what}: {counted(files, 'file', 'files')} {words}")
    if not yes:
        ask(f"Remove {digest} everywhere? This can't be undone.")
    there = purge.purge(desk.services, digest, by=person(), reason=reason)
    say(f"{digest} is {'removed' if there else 'not here'}, and blocked from now on.")
