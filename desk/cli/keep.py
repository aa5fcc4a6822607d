"""Taking back reports of a picture as illegal."""

from desk.cli.common.command import PictureMeant, Reason, command
from desk.cli.common.frame import open_desk, person
from desk.cli.common.show import counted, say
from desk.cli.rules import digest_meant


@command("keep", 'picture.jpg --reason "A portrait; nothing forbids it."')
def keep_command(*, what: PictureMeant, reason: Reason) -> None:
    """Take back reports of a picture as illegal: it may stay, and the members who reported it see it again.

    The picture is named by its SHA-256 or by a file with the same bytes; exhibit doctor lists those that wait.
    """
    digest = digest_meant(what)
    open_desk()
    from workers.cases import reported

    owners = reported.let_stay(digest, by=person(), reason=reason)
    say(f"{digest} stays; {counted(owners, 'owner sees', 'owners see')} it again.")
