"""Addresses of the pages about works: bringing them, and each of them."""

from django.urls import path

from desk.web.works import declarations, uploads, views

work_patterns = [
    path("o/<slug:slug>/works/", views.works, name="works"),
    path("o/<slug:slug>/works/add", uploads.add, name="add-works"),
    path("o/<slug:slug>/works/uploads/", uploads.uploads, name="uploads"),
    path("o/<slug:slug>/works/uploads/<int:number>/", uploads.upload, name="upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/progress", uploads.progress, name="upload-progress"),
    path("o/<slug:slug>/works/uploads/<int:number>/files", uploads.files, name="upload-files"),
    path("o/<slug:slug>/works/uploads/<int:number>/received", uploads.received, name="upload-received"),
    path("o/<slug:slug>/works/uploads/<int:number>/close", uploads.close, name="close-upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/again", uploads.again, name="upload-again"),
    path("o/<slug:slug>/works/uploads/<int:number>/results.csv", uploads.results, name="upload-results"),
    path("o/<slug:slug>/works/<int:number>/", views.work, name="work"),
    path("o/<slug:slug>/works/<int:number>/edit", declarations.edit, name="edit-work"),
    path("o/<slug:slug>/works/<int:number>/remove", declarations.remove, name="remove-work"),
    path("o/<slug:slug>/works/<int:number>/remarks/<int:remark>", declarations.answer, name="answer-remark"),
    path("o/<slug:slug>/works/<int:number>/documents", declarations.attach, name="attach"),
    path("o/<slug:slug>/works/<int:number>/documents/<int:attachment>", declarations.attachment, name="attachment"),
    path("o/<slug:slug>/works/<int:number>/documents/<int:attachment>/remove", declarations.detach, name="detach"),
    path("o/<slug:slug>/works/<int:number>/deposit", views.make_deposit, name="make-deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>", views.deposit, name="deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>/record", views.record, name="deposit-record"),
    path("o/<slug:slug>/pictures/<str:digest>", views.picture, name="picture"),
]
