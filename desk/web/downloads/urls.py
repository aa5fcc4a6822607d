"""URL patterns of the download pages."""

from django.urls import URLPattern, path

from desk.web.downloads import links, packages, reports, views

urlpatterns: list[URLPattern] = [
    path("d/<str:token>", links.link_page, name="link"),
    path("d/<str:token>/<str:name>", links.link_file, name="link-file"),
    path("o/<slug:slug>/downloads/links/", links.links, name="links"),
    path("o/<slug:slug>/downloads/packages/<int:number>/link", links.link_package, name="link-package"),
    path("o/<slug:slug>/downloads/reports/<int:number>/link", links.link_report, name="link-report"),
    path("o/<slug:slug>/downloads/links/<int:number>/revoke", links.revoke_link, name="revoke-link"),
    path("o/<slug:slug>/downloads/bundles/", packages.bundles, name="bundles"),
    path("o/<slug:slug>/downloads/web-archive", packages.web_archive, name="web-archive"),
    path("o/<slug:slug>/downloads/packages", packages.request_package, name="request-package"),
    path("o/<slug:slug>/downloads/packages/<int:number>/", packages.package, name="package"),
    path("o/<slug:slug>/downloads/packages/<int:number>/state", packages.package_state, name="package-state"),
    path("o/<slug:slug>/downloads/packages/<int:number>/again", packages.regenerate_package, name="package-again"),
    path("o/<slug:slug>/downloads/packages/<int:number>/remove", packages.remove_package, name="remove-package"),
    path("o/<slug:slug>/downloads/packages/<int:number>/zip", packages.package_file, name="package-file"),
    path("o/<slug:slug>/downloads/packages/<int:number>/pdf/<str:name>", packages.package_pdf, name="package-pdf"),
    path("o/<slug:slug>/downloads/new-report", reports.report_form, name="report-form"),
    path("o/<slug:slug>/downloads/report", reports.request_report, name="request-report"),
    path("o/<slug:slug>/downloads/reports/<int:number>/state", reports.report_state, name="report-state"),
    path("o/<slug:slug>/downloads/reports/<int:number>/again", reports.regenerate_report, name="report-again"),
    path("o/<slug:slug>/downloads/reports/<int:number>/remove", reports.remove_report, name="remove-report"),
    path("o/<slug:slug>/downloads/reports/<int:number>/files/<str:name>", reports.report_file, name="report-file"),
    path("o/<slug:slug>/downloads/", views.downloads, name="downloads"),
    path("o/<slug:slug>/cases/<int:number>/captures/<int:capture>/<str:name>", views.capture_file, name="captured"),
    path("o/<slug:slug>/cases/<int:number>/papers/<str:paper>", views.draft_document, name="paper"),
    path("o/<slug:slug>/downloads/bundles/<int:case>/<int:number>/signed", views.signed_exhibit_sheet, name="signed"),
    path("o/<slug:slug>/downloads/bundles/<int:case>/<int:number>", views.bundle, name="bundle"),
]
