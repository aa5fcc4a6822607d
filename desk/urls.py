"""URL patterns of the site and the API."""

from django.urls import include, path

from desk.api.api import api

handler500 = "desk.web.middleware.failures.server_error"
urlpatterns = [path("", include("desk.web.urls")), path("api/v1/", api.urls)]
