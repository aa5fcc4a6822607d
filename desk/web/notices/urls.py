"""Addresses of the notices."""

from django.urls import path

from desk.web.notices import views as notice_pages
from desk.web.notices import wordings as wording_pages

notice_patterns = [
    path("o/<slug:slug>/notices/", notice_pages.notice_list, name="notices"),
    path("o/<slug:slug>/notices/new", notice_pages.new_notice, name="new-notice"),
    path("o/<slug:slug>/notices/wording/", wording_pages.wordings, name="wordings"),
    path("o/<slug:slug>/notices/wording/<str:kind>.<str:language>", wording_pages.edit_wording, name="edit-wording"),
    path("o/<slug:slug>/notices/<int:number>/", notice_pages.notice, name="notice"),
    path("o/<slug:slug>/notices/<int:number>/edit", notice_pages.edit_notice, name="edit-notice"),
    path("o/<slug:slug>/notices/<int:number>/sign", notice_pages.sign_notice, name="sign-notice"),
    path("o/<slug:slug>/notices/<int:number>/send", notice_pages.send_notice, name="send-notice"),
    path("o/<slug:slug>/notices/<int:number>/happened", notice_pages.track_notice, name="track-notice"),
    path("o/<slug:slug>/notices/<int:number>/files/<str:name>", notice_pages.notice_file, name="notice-file"),
]
