"""URL patterns of the notice pages."""

from django.urls import URLPattern, path

from desk.web.notices import drafting, views

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/notices/new", drafting.new_notice, name="new-notice"),
    path("o/<slug:slug>/notices/<int:number>/edit", drafting.edit_notice, name="edit-notice"),
    path("o/<slug:slug>/notices/senders/", drafting.edit_sender, name="senders"),
    path("o/<slug:slug>/notices/senders/<int:number>", drafting.edit_sender, name="edit-sender"),
    path("o/<slug:slug>/notices/", views.notice_list, name="notices"),
    path("o/<slug:slug>/notices/<int:number>/", views.notice, name="notice"),
    path("o/<slug:slug>/notices/<int:number>/sign", views.sign_notice, name="sign-notice"),
    path("o/<slug:slug>/notices/<int:number>/send", views.send_notice, name="send-notice"),
    path("o/<slug:slug>/notices/<int:number>/happened", views.track_notice, name="track-notice"),
    path("o/<slug:slug>/notices/<int:number>/files/<str:name>", views.notice_file, name="notice-file"),
    path("o/<slug:slug>/notices/<int:number>/packet", views.notice_packet, name="notice-packet"),
    path("o/<slug:slug>/notices/<int:number>/seen", views.mark_replies_seen, name="see-replies"),
    path(
        "o/<slug:slug>/notices/<int:number>/replies/<int:reply>/files/<int:file>", views.reply_file, name="reply-file"
    ),
    path("o/<slug:slug>/notices/wording/", views.wordings, name="wordings"),
    path("o/<slug:slug>/notices/wording/<str:kind>.<str:language>", views.edit_wording, name="edit-wording"),
]
