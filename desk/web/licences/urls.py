"""URL patterns of the licence pages."""

from django.urls import URLPattern, path

from desk.web.licences import views

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/licences/", views.licences, name="licences"),
    path("o/<slug:slug>/licences/<int:number>/", views.licence, name="licence"),
    path("o/<slug:slug>/licences/new", views.edit_licence, name="new-licence"),
    path("o/<slug:slug>/licences/<int:number>/edit", views.edit_licence, name="edit-licence"),
    path("o/<slug:slug>/licences/<int:number>/end", views.save_licence_end, name="end-licence"),
    path("o/<slug:slug>/licences/import", views.import_licences, name="import-licences"),
]
