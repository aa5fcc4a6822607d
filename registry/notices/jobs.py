"""Background jobs on the rows of notices. What they import is loaded after the fork of a worker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.jobs import ASKED, DEFAULT, job
from registry.notices.models import NoticeMail, PageReading
from registry.words import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("captured pages, to be read"), DEFAULT, PageReading, owner="capture__case__owner", batch=8)
def read_page(services: "Services", ids: Sequence[int]) -> None:
    """Read pages that visits kept, for the claim check and for mail addresses."""
    from registry.notices.page_readings import read_pages

    read_pages(services, ids)


@job(gettext_noop("notices to be sent"), ASKED, NoticeMail, owner="notice__owner", settled={"begun_at__isnull": False})
def notice(services: "Services", ids: Sequence[int]) -> None:
    """Send notices by mail."""
    from registry.notices.send_notice import send_notices

    send_notices(services, ids)
