"""URL patterns of the operator's pages."""

from django.urls import URLPattern, path

from desk.web.operator import views

urlpatterns: list[URLPattern] = [
    path("operator/", views.operator, name="operator"),
    path("operator/details", views.details, name="operator-details"),
    path("operator/settings", views.site_settings, name="operator-settings"),
    path("operator/timestamp-services", views.list_timestamp_services, name="timestamp-services"),
    path("operator/timestamp-services/custom", views.add_custom_timestamp_service, name="add-custom-timestamp-service"),
    path("operator/timestamp-services/<slug:name>/add", views.add_timestamp_service, name="add-timestamp-service"),
    path(
        "operator/timestamp-services/<str:name>/remove", views.remove_timestamp_service, name="remove-timestamp-service"
    ),
    path("operator/retry", views.retry_failed_tasks, name="operator-retry"),
    path("operator/leave", views.dismiss_failed_tasks, name="operator-leave"),
]
