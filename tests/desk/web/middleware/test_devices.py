"""The cookie by which a browser is known."""

from collections.abc import Callable
from dataclasses import replace

from django.test import Client, override_settings

from desk.web.middleware.devices import COOKIE
from exhibit.config.config import Config
from registry.accounts import devices
from registry.models import User
from tests.assets.accounts import ann, browser, signed_in, try_in

__all__ = ["ann", "browser"]


def kept(client: Client) -> str:
    return client.cookies[COOKIE].value if COOKIE in client.cookies else ""


def test_a_browser_is_known_while_its_session_lasts_and_after_that_unless_its_person_signs_out(
    ann: User, browser: Callable[[], Client]
) -> None:
    client = browser()
    client.get("/sign-in/")
    assert not kept(client)
    try_in(client, ann.email)
    client.get("/account/")
    assert devices.knows(kept(client), ann)
    cookie = client.cookies[COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["max-age"]) == ("Lax", 180 * 24 * 3600)
    client.get("/account/")
    assert client.cookies[COOKIE].value == cookie.value
    client.session.flush()
    client.get("/account/")
    assert devices.knows(kept(client), ann)
    try_in(client, ann.email)
    client.post("/sign-out/")
    assert not kept(client)


def test_who_ends_the_other_sessions_makes_their_browsers_unknown(ann: User, browser: Callable[[], Client]) -> None:
    lost, here = browser(), browser()
    for client in (lost, here):
        try_in(client, ann.email)
        client.get("/account/")
    here.post("/account/sessions/")
    here.get("/account/")
    ann.refresh_from_db()
    assert not signed_in(lost)
    assert not devices.knows(kept(lost), ann)
    assert devices.knows(kept(here), ann)


def test_no_browser_is_marked_where_the_operator_wants_none(
    ann: User, browser: Callable[[], Client], config: Config
) -> None:
    with override_settings(CONFIG=replace(config, mail_sign_in=False)):
        client = browser()
        try_in(client, ann.email)
        client.get("/account/")
        assert signed_in(client)
        assert not kept(client)
