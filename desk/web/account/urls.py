"""URL patterns of the account pages."""

from django.urls import URLPattern, path

from desk.web.account import members, passkeys, views

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/members/", members.list_members, name="members"),
    path("o/<slug:slug>/members/invite", members.invite, name="invite"),
    path("o/<slug:slug>/invitations/<int:invitation>/revoke", members.revoke_invitation, name="revoke-invitation"),
    path("o/<slug:slug>/members/<int:person>/role", members.change_role, name="member-role"),
    path("o/<slug:slug>/members/<int:person>/remove", members.remove_member, name="remove-member"),
    path("o/<slug:slug>/members/leave", members.leave_owner, name="leave"),
    path("o/<slug:slug>/tokens/", members.list_tokens, name="tokens"),
    path("o/<slug:slug>/tokens/make", members.make_token, name="make-token"),
    path("o/<slug:slug>/tokens/<int:token>/revoke", members.revoke_token, name="revoke-token"),
    path("o/<slug:slug>/security/ask", passkeys.request_challenge, name="ask-passkey"),
    path("o/<slug:slug>/security/", passkeys.show_security, name="security"),
    path("o/<slug:slug>/security/passkeys", passkeys.set_passkey_requirement, name="choose-passkeys"),
    path("o/<slug:slug>/security/revoke", passkeys.revoke_key, name="revoke-key"),
    path("account/", views.account, name="account"),
    path("owners/", views.owners, name="owners"),
    path("owners/sample", views.add_sample, name="add-sample"),
    path("o/<slug:slug>/sample/remove", views.remove_sample, name="remove-sample"),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
]
