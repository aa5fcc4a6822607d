"""Addresses of the pages about what is taken away: reports, and bundles alone or together."""

from django.urls import path

from desk.web.downloads import links as link_pages
from desk.web.downloads import packages as package_pages
from desk.web.downloads import reports as report_pages
from desk.web.downloads import views as download_pages

download_patterns = [
    path("d/<str:token>", link_pages.outside, name="link"),
    path("d/<str:token>/<str:name>", link_pages.outside_file, name="link-file"),
    path("o/<slug:slug>/downloads/links/", link_pages.links, name="links"),
    path("o/<slug:slug>/downloads/links/<int:number>/revoke", link_pages.revoke_link, name="revoke-link"),
    path("o/<slug:slug>/downloads/packages/<int:number>/link", link_pages.link_package, name="link-package"),
    path("o/<slug:slug>/downloads/reports/<int:number>/link", link_pages.link_report, name="link-report"),
    path("o/<slug:slug>/downloads/", download_pages.downloads, name="downloads"),
    path("o/<slug:slug>/downloads/report", report_pages.request_report, name="request-report"),
    path("o/<slug:slug>/downloads/new-report", report_pages.report_form, name="report-form"),
    path("o/<slug:slug>/downloads/reports/<int:number>/state", report_pages.report_state, name="report-state"),
    path("o/<slug:slug>/downloads/reports/<int:number>/again", report_pages.report_again, name="report-again"),
    path("o/<slug:slug>/downloads/reports/<int:number>/remove", report_pages.remove_report, name="remove-report"),
    path("o/<slug:slug>/downloads/reports/<int:number>/files/<str:name>", report_pages.report_file, name="report-file"),
    path("o/<slug:slug>/downloads/bundles/", package_pages.bundles, name="bundles"),
    path("o/<slug:slug>/downloads/packages", package_pages.request_package, name="request-package"),
    path("o/<slug:slug>/downloads/packages/<int:number>/", package_pages.package, name="package"),
    path("o/<slug:slug>/downloads/packages/<int:number>/state", package_pages.package_state, name="package-state"),
    path("o/<slug:slug>/downloads/packages/<int:number>/zip", package_pages.package_file, name="package-file"),
    path("o/<slug:slug>/downloads/packages/<int:number>/again", package_pages.package_again, name="package-again"),
    path("o/<slug:slug>/downloads/packages/<int:number>/remove", package_pages.remove_package, name="remove-package"),
    path("o/<slug:slug>/downloads/bundles/<int:case>/<int:number>", download_pages.bundle, name="bundle"),
    path("o/<slug:slug>/downloads/bundles/<int:case>/<int:number>/signed", download_pages.signed, name="signed"),
]
