"""Addresses of the site: of its pages, each of which names its own where its view stands, and of allauth's."""

from importlib import import_module
from pkgutil import walk_packages

from allauth.account import views as accounts
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from desk import web
from desk.web.account import second_factors
from desk.web.common import above
from desk.web.common.pages import PAGES

for module in walk_packages(web.__path__, "desk.web."):
    import_module(module.name)  # which enters its pages
above.enter()

urlpatterns: list[URLPattern | URLResolver] = [
    *PAGES,
    path("o/", RedirectView.as_view(pattern_name="owners")),
    path("account/2fa/webauthn/add/", second_factors.AddKey.as_view(), name="mfa_add_webauthn"),
    path("account/", include("allauth.urls")),
    path("sign-in/", accounts.login, name="account_login"),  # named last, so that links lead here
    path("sign-out/", accounts.logout, name="account_logout"),
    path("sign-up/", accounts.signup, name="account_signup"),
]
