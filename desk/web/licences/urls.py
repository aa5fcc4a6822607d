"""Addresses of the licence ledger."""

from django.urls import path

from desk.web.licences import views as licence_pages

ledger_patterns = [
    path("o/<slug:slug>/licences/", licence_pages.licences, name="licences"),
    path("o/<slug:slug>/licences/new", licence_pages.new_licence, name="new-licence"),
    path("o/<slug:slug>/licences/import", licence_pages.import_licences, name="import-licences"),
    path("o/<slug:slug>/licences/<int:number>/", licence_pages.licence, name="licence"),
    path("o/<slug:slug>/licences/<int:number>/edit", licence_pages.edit_licence, name="edit-licence"),
    path("o/<slug:slug>/licences/<int:number>/end", licence_pages.end, name="end-licence"),
]
