"""Addresses of accounts, members, invitations and tokens."""

from allauth.account import views as accounts
from django.urls import URLPattern, URLResolver, include, path

from desk.web.account import members as member_pages
from desk.web.account import views as account_pages

account_patterns: list[URLPattern | URLResolver] = [
    path("account/", account_pages.account, name="account"),
    path("account/", include("allauth.urls")),
    path("sign-in/", accounts.login, name="account_login"),  # named last, so that links lead here
    path("sign-out/", accounts.logout, name="account_logout"),
    path("sign-up/", accounts.signup, name="account_signup"),
    path("invitations/<str:secret>/", account_pages.invitation, name="invitation"),
    path("owners/", account_pages.owners, name="owners"),
    path("o/<slug:slug>/members/", member_pages.list_members, name="members"),
    path("o/<slug:slug>/members/invite", member_pages.invite, name="invite"),
    path("o/<slug:slug>/members/leave", member_pages.leave, name="leave"),
    path("o/<slug:slug>/members/<int:person>/role", member_pages.change_role, name="member-role"),
    path("o/<slug:slug>/members/<int:person>/remove", member_pages.remove_member, name="remove-member"),
    path("o/<slug:slug>/invitations/<int:invitation>/revoke", member_pages.revoke_invitation, name="revoke-invitation"),
    path("o/<slug:slug>/tokens/", member_pages.list_tokens, name="tokens"),
    path("o/<slug:slug>/tokens/make", member_pages.make_token, name="make-token"),
    path("o/<slug:slug>/tokens/<int:token>/revoke", member_pages.revoke_token, name="revoke-token"),
]
