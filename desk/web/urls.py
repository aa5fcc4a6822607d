"""URL patterns of the site: those of its packages and of allauth."""

from allauth.account import views as accounts
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from desk.web.account import second_factors, urls as account
from desk.web.cases import urls as cases
from desk.web.common.shortened_urls import build_shortened_patterns
from desk.web.downloads import urls as downloads
from desk.web.licences import urls as licences
from desk.web.middleware import reader
from desk.web.notices import urls as notices
from desk.web.notifications import urls as notifications
from desk.web.operator import urls as operator
from desk.web.parties import urls as parties
from desk.web.public import urls as public
from desk.web.watches import urls as watches
from desk.web.works import urls as works

pages: list[URLPattern] = [
    *account.urlpatterns,
    *cases.urlpatterns,
    *downloads.urlpatterns,
    *licences.urlpatterns,
    path("language", reader.choose_language, name="language"),
    path("blur", reader.choose_blur, name="blur"),
    *notices.urlpatterns,
    *notifications.urlpatterns,
    *operator.urlpatterns,
    *parties.urlpatterns,
    *public.urlpatterns,
    *watches.urlpatterns,
    *works.urlpatterns,
]
urlpatterns: list[URLPattern | URLResolver] = [
    *pages,
    *build_shortened_patterns(pages),
    path("o/", RedirectView.as_view(pattern_name="owners")),
    path("account/2fa/webauthn/add/", second_factors.AddKeyView.as_view(), name="mfa_add_webauthn"),
    path("account/", include("allauth.urls")),
    path("sign-in/", accounts.login, name="account_login"),  # Listed last, so that reverse() returns this URL.
    path("sign-out/", accounts.logout, name="account_logout"),
    path("sign-up/", accounts.signup, name="account_signup"),
]
