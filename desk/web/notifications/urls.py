"""Addresses of the pages about how members are told."""

from django.urls import path

from desk.web.notifications import feeds, views

told_patterns = [
    path("o/<slug:slug>/told/", views.told, name="told"),
    path("o/<slug:slug>/told/mail", views.choose_mail, name="choose-mail"),
    path("o/<slug:slug>/told/feed", views.change_feed, name="change-feed"),
    path("feeds/<str:secret>/cases.atom", feeds.feed, name="feed"),
    path("mail/unsubscribe/<str:token>", feeds.unsubscribe, name="unsubscribe"),
    path("o/<slug:slug>/told/webhooks", views.add_webhook, name="add-webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/", views.webhook, name="webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/change", views.change_webhook, name="change-webhook"),
]
