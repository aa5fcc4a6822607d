"""Addresses of accounts, members, invitations and tokens."""

from allauth.account import views as accounts
from django.urls import URLPattern, URLResolver, include, path

from desk.web.account import members, views

account_patterns: list[URLPattern | URLResolver] = [
    path("account/", views.account, name="account"),
    path("account/", include("allauth.urls")),
    path("sign-in/", accounts.login, name="account_login"),  # named last, so that links lead here
    path("sign-out/", accounts.logout, name="account_logout"),
    path("sign-up/", accounts.signup, name="account_signup"),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
    path("owners/", views.owners, name="owners"),
    path("o/<slug:slug>/members/", members.list_members, name="members"),
    path("o/<slug:slug>/members/invite", members.invite, name="invite"),
    path("o/<slug:slug>/members/leave", members.leave, name="leave"),
    path("o/<slug:slug>/members/<int:person>/role", members.change_role, name="member-role"),
    path("o/<slug:slug>/members/<int:person>/remove", members.remove_member, name="remove-member"),
    path("o/<slug:slug>/invitations/<int:invitation>/revoke", members.revoke_invitation, name="revoke-invitation"),
    path("o/<slug:slug>/tokens/", members.list_tokens, name="tokens"),
    path("o/<slug:slug>/tokens/make", members.make_token, name="make-token"),
    path("o/<slug:slug>/tokens/<int:token>/revoke", members.revoke_token, name="revoke-token"),
]
