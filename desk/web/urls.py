"""Addresses of the site: of its pages, each of which names its own where its view stands, and of allauth's."""

# ruff: noqa: F401 - the pages are entered as their modules are loaded

from allauth.account import views as accounts
from django.urls import URLPattern, URLResolver, include, path

from desk.web.account import members, passkeys, second_factors, views as account
from desk.web.cases import groups, queue, views as cases
from desk.web.common.access import PAGES
from desk.web.downloads import links, packages, reports, views as downloads
from desk.web.licences import views as licences
from desk.web.middleware import reader
from desk.web.notices import drafting, senders, views as notices
from desk.web.notifications import feeds, views as told
from desk.web.operator import views as operator
from desk.web.parties import money, views as parties
from desk.web.public import asked, log, opened, replies, soft_bindings, views as public, witness
from desk.web.watches import crawls, new, searches, sources, views as watches
from desk.web.works import declarations, held, listing, mine, spread, uploads, views as works, why

urlpatterns: list[URLPattern | URLResolver] = [
    *PAGES,
    path("account/2fa/webauthn/add/", second_factors.AddKey.as_view(), name="mfa_add_webauthn"),
    path("account/", include("allauth.urls")),
    path("sign-in/", accounts.login, name="account_login"),  # named last, so that links lead here
    path("sign-out/", accounts.logout, name="account_logout"),
    path("sign-up/", accounts.signup, name="account_signup"),
]
