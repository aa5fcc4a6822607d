"""Background jobs for notices. Functions import their dependencies, so that they are loaded after a worker forks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.jobs import FOREGROUND, job
from registry.notices.models import NoticeMail
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(
    gettext_noop("notices to send"), FOREGROUND, NoticeMail, owner="notice__owner", settled={"begun_at__isnull": False}
)
def notice(services: "Services", ids: Sequence[int]) -> None:
    """Send notices by email."""
    from registry.notices.send_notice import send_notices

    send_notices(services, ids)
