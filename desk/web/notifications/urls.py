"""URL patterns of the notification pages."""

from django.urls import URLPattern, path

from desk.web.notifications import feeds, push, views

urlpatterns: list[URLPattern] = [
    path("feeds/<str:secret>/cases.atom", feeds.feed, name="feed"),
    path("mail/open/<str:signed>", feeds.open_link, name="mail-link"),
    path("mail/unsubscribe/<str:token>", feeds.unsubscribe, name="unsubscribe"),
    path("push/worker.js", push.worker, name="push-worker"),
    path("push/browsers/add", push.add_browser, name="add-push-browser"),
    path("push/browsers/<int:number>/remove", push.remove_browser, name="remove-push-browser"),
    path("o/<slug:slug>/told/", views.notification_settings, name="told"),
    path("o/<slug:slug>/told/mail", views.set_mail_frequency, name="choose-mail"),
    path("o/<slug:slug>/told/feed", views.change_feed, name="change-feed"),
    path("o/<slug:slug>/told/webhooks", views.add_webhook, name="add-webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/", views.webhook, name="webhook"),
    path("o/<slug:slug>/told/webhooks/<int:number>/change", views.change_webhook, name="change-webhook"),
]
