"""URL patterns of the operator's pages."""

from django.urls import URLPattern, path

from desk.web.operator import views

urlpatterns: list[URLPattern] = [
    path("operator/", views.operator, name="operator"),
    path("operator/details", views.details, name="operator-details"),
    path("operator/settings", views.site_settings, name="operator-settings"),
    path("operator/witnesses", views.list_timestamp_services, name="witnesses"),
    path("operator/witnesses/own", views.add_custom_timestamp_service, name="add-own-witness"),
    path("operator/witnesses/<slug:name>/add", views.add_timestamp_service, name="add-witness"),
    path("operator/witnesses/<str:name>/remove", views.remove_timestamp_service, name="remove-witness"),
    path("operator/retry", views.retry_failures, name="operator-retry"),
    path("operator/leave", views.leave, name="operator-leave"),
]
