"""URL patterns of public pages."""

from django.urls import URLPattern, path

from desk.web.public import log, replies, soft_bindings, views, works

urlpatterns: list[URLPattern] = [
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/tile/<int:level>/<path:path>", log.hash_tile, name="log-tile"),
    path("log/tile/entries/<path:path>", log.entries, name="log-entries"),
    path("witness/card", log.card, name="partner-card"),
    path("witness/add-checkpoint", log.add_checkpoint, name="add-checkpoint"),
    path("id/<slug:name>/", works.page, name="public-work"),
    path("id/<slug:name>/work.json", works.facts, name="public-work-facts"),
    path("pdq/feed.<str:kind>", works.pdq_feed, name="pdq-feed"),
    path("robots.txt", works.robots, name="robots"),
    path("id/", works.look_up_picture, name="ask"),
    path("n/<str:token>", replies.reply, name="reply"),
    path("n/<str:token>/<int:case>.jpg", replies.reply_pictures, name="reply-pictures"),
    path("c2pa/services/supportedAlgorithms", soft_bindings.algorithms, name="soft-binding-algorithms"),
    path("c2pa/matches/byBinding", soft_bindings.find_by_binding, name="soft-binding"),
    path("c2pa/matches/byContent", soft_bindings.find_by_content, name="soft-binding-content"),
    path("c2pa/manifests/<str:name>", soft_bindings.manifest, name="manifest"),
    path("", views.home, name="home"),
    path("accuracy/", views.accuracy, name="accuracy"),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
]
