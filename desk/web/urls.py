"""Addresses of the pages. Whatever belongs to an owner lies below ``o/<slug>/``."""

from django.urls import path

from desk.web.account.urls import account_patterns
from desk.web.cases.urls import case_patterns
from desk.web.downloads import views
from desk.web.downloads.urls import download_patterns
from desk.web.licences.urls import ledger_patterns
from desk.web.middleware import reader
from desk.web.notices.urls import notice_patterns
from desk.web.notifications.urls import told_patterns
from desk.web.operator import views as operator_pages
from desk.web.public import log
from desk.web.public import views as general_pages
from desk.web.watches.urls import watch_patterns
from desk.web.works.urls import work_patterns

urlpatterns = [
    path("", general_pages.home, name="home"),
    path("accuracy/", general_pages.accuracy, name="accuracy"),
    path("healthz", general_pages.healthz, name="healthz"),
    path("blur", reader.choose_blur, name="blur"),
    path("language", reader.choose_language, name="language"),
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/tile/entries/<path:path>", log.entries, name="log-entries"),
    path("log/tile/<int:level>/<path:path>", log.hash_tile, name="log-tile"),
    path("metrics", general_pages.metrics, name="metrics"),
    path("operator/", operator_pages.operator, name="operator"),
    path("operator/retry", operator_pages.retry, name="operator-retry"),
    path("operator/leave", operator_pages.leave, name="operator-leave"),
    path("o/<slug:slug>/cases/<int:number>/captures/<int:capture>/<str:name>", views.captured, name="captured"),
    path("o/<slug:slug>/cases/<int:number>/papers/<str:paper>", views.paper, name="paper"),
    *account_patterns,
    *case_patterns,
    *work_patterns,
    *watch_patterns,
    *ledger_patterns,
    *notice_patterns,
    *download_patterns,
    *told_patterns,
]
