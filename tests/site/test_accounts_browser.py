"""Pages of accounts in a real browser, under the site's own rules for scripts and styles."""

from tests.flow.rows import owner
from tests.site.browser import PHONE, Site


def test_pages_of_accounts_fit_the_screen_and_can_be_read_by_everybody(site: Site) -> None:
    ann = site.member(owner("studio"), size=PHONE, scheme="dark")
    for address in (
        "/account/",
        "/owners/",
        "/o/studio/members/",
        "/o/studio/tokens/",
        "/account/2fa/",
        "/account/email/",
    ):
        ann.open(address)
        ann.check()
