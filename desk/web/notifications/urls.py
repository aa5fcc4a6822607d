"""Addresses of the pages about how members are told."""

from django.urls import path

from desk.web.notifications import feeds as feed_pages
from desk.web.notifications import views as told_pages

told_patterns = [
    path("o/<slug:slug>/told/", told_pages.told, name="told"),
    path("o/<slug:slug>/told/mail", told_pages.choose_mail, name="choose-mail"),
    path("o/<slug:slug>/told/feed", told_pages.change_feed, name="change-feed"),
    path("feeds/<str:secret>/cases.atom", feed_pages.feed, name="feed"),
    path("mail/unsubscribe/<str:token>", feed_pages.unsubscribe, name="unsubscribe"),
    path("o/<slug:slug>/told/webhooks", told_pages.add_webhook, name="add-webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/", told_pages.webhook, name="webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/change", told_pages.change_webhook, name="change-webhook"),
]
