"""Addresses of the notices."""

from django.urls import path

from desk.web.notices import views, wordings

notice_patterns = [
    path("o/<slug:slug>/notices/", views.notice_list, name="notices"),
    path("o/<slug:slug>/notices/new", views.new_notice, name="new-notice"),
    path("o/<slug:slug>/notices/wording/", wordings.wordings, name="wordings"),
    path("o/<slug:slug>/notices/wording/<str:kind>.<str:language>", wordings.edit_wording, name="edit-wording"),
    path("o/<slug:slug>/notices/<int:number>/", views.notice, name="notice"),
    path("o/<slug:slug>/notices/<int:number>/edit", views.edit_notice, name="edit-notice"),
    path("o/<slug:slug>/notices/<int:number>/sign", views.sign_notice, name="sign-notice"),
    path("o/<slug:slug>/notices/<int:number>/send", views.send_notice, name="send-notice"),
    path("o/<slug:slug>/notices/<int:number>/happened", views.track_notice, name="track-notice"),
    path("o/<slug:slug>/notices/<int:number>/files/<str:name>", views.notice_file, name="notice-file"),
]
