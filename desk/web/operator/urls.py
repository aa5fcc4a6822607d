"""Addresses of this package's pages."""

from django.urls import URLPattern, path

from desk.web.operator import views

urlpatterns: list[URLPattern] = [
    path("operator/", views.operator, name="operator"),
    path("operator/details", views.details, name="operator-details"),
    path("operator/retry", views.retry, name="operator-retry"),
    path("operator/leave", views.leave, name="operator-leave"),
]
