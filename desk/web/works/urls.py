"""Addresses of this package's pages."""

from django.urls import URLPattern, path

from desk.web.works import declarations, held, listing, mine, spread, uploads, views, why

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/works/<int:number>/edit", declarations.edit, name="edit-work"),
    path("o/<slug:slug>/works/<int:number>/remarks/<int:remark>", declarations.answer, name="answer-remark"),
    path("o/<slug:slug>/works/<int:number>/documents", declarations.attach, name="attach"),
    path("o/<slug:slug>/works/<int:number>/documents/<int:attachment>", declarations.attachment, name="attachment"),
    path("o/<slug:slug>/works/<int:number>/documents/<int:attachment>/remove", declarations.detach, name="detach"),
    path("o/<slug:slug>/works/<int:number>/remove", declarations.remove, name="remove-work"),
    path("o/<slug:slug>/works/<int:number>/open", declarations.open_to_all, name="open-work"),
    path("o/<slug:slug>/works/<int:number>/closed", declarations.close, name="close-work"),
    path("o/<slug:slug>/works/<int:number>/held", held.answer_held, name="answer-held"),
    path("o/<slug:slug>/works/", listing.works, name="works"),
    path("o/<slug:slug>/works/change", listing.edit_works, name="edit-works"),
    path("o/<slug:slug>/works/changes/", listing.bulk_edits, name="bulk-edits"),
    path("o/<slug:slug>/works/changes/<int:number>/", listing.bulk_edit, name="bulk-edit"),
    path("o/<slug:slug>/works/changes/<int:number>/undo", listing.undo_bulk_edit, name="undo-bulk-edit"),
    path("o/<slug:slug>/works/collections/<int:number>", listing.change_collection, name="change-collection"),
    path("o/<slug:slug>/works/mine", mine.mine, name="mine"),
    path("o/<slug:slug>/works/<int:number>/spread/", spread.spread, name="spread"),
    path("o/<slug:slug>/works/add", uploads.add, name="add-works"),
    path("o/<slug:slug>/works/add/fingerprints", uploads.state, name="state-works"),
    path("o/<slug:slug>/works/uploads/", uploads.uploads, name="uploads"),
    path("o/<slug:slug>/works/uploads/<int:number>/", uploads.upload, name="upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/progress", uploads.progress, name="upload-progress"),
    path("o/<slug:slug>/works/uploads/<int:number>/files", uploads.files, name="upload-files"),
    path("o/<slug:slug>/works/uploads/<int:number>/received", uploads.received, name="upload-received"),
    path("o/<slug:slug>/works/uploads/<int:number>/close", uploads.close, name="close-upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/again", uploads.again, name="upload-again"),
    path("o/<slug:slug>/works/uploads/<int:number>/results.csv", uploads.results, name="upload-results"),
    path("o/<slug:slug>/works/derived", views.derived, name="derived"),
    path("o/<slug:slug>/works/<int:number>/", views.work, name="work"),
    path("o/<slug:slug>/works/<int:number>/export", views.export, name="export-work"),
    path("o/<slug:slug>/works/<int:number>/deposit", views.make_deposit, name="make-deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>", views.deposit, name="deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>/record", views.record, name="deposit-record"),
    path("o/<slug:slug>/pictures/<str:digest>", views.picture, name="picture"),
    path("o/<slug:slug>/works/<int:number>/why", why.why, name="why"),
]
