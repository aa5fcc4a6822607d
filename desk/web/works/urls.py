"""Addresses of the pages about works: bringing them, and each of them."""

from django.urls import path

from desk.web.works import declarations as declaration_pages
from desk.web.works import uploads as upload_pages
from desk.web.works import views as work_pages

work_patterns = [
    path("o/<slug:slug>/works/", work_pages.works, name="works"),
    path("o/<slug:slug>/works/add", upload_pages.add, name="add-works"),
    path("o/<slug:slug>/works/uploads/", upload_pages.uploads, name="uploads"),
    path("o/<slug:slug>/works/uploads/<int:number>/", upload_pages.upload, name="upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/progress", upload_pages.progress, name="upload-progress"),
    path("o/<slug:slug>/works/uploads/<int:number>/files", upload_pages.files, name="upload-files"),
    path("o/<slug:slug>/works/uploads/<int:number>/received", upload_pages.received, name="upload-received"),
    path("o/<slug:slug>/works/uploads/<int:number>/close", upload_pages.close, name="close-upload"),
    path("o/<slug:slug>/works/uploads/<int:number>/again", upload_pages.again, name="upload-again"),
    path("o/<slug:slug>/works/uploads/<int:number>/results.csv", upload_pages.results, name="upload-results"),
    path("o/<slug:slug>/works/<int:number>/", work_pages.work, name="work"),
    path("o/<slug:slug>/works/<int:number>/edit", declaration_pages.edit, name="edit-work"),
    path("o/<slug:slug>/works/<int:number>/remove", declaration_pages.remove, name="remove-work"),
    path("o/<slug:slug>/works/<int:number>/remarks/<int:remark>", declaration_pages.answer, name="answer-remark"),
    path("o/<slug:slug>/works/<int:number>/documents", declaration_pages.attach, name="attach"),
    path(
        "o/<slug:slug>/works/<int:number>/documents/<int:attachment>", declaration_pages.attachment, name="attachment"
    ),
    path("o/<slug:slug>/works/<int:number>/documents/<int:attachment>/remove", declaration_pages.detach, name="detach"),
    path("o/<slug:slug>/works/<int:number>/deposit", work_pages.make_deposit, name="make-deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>", work_pages.deposit, name="deposit"),
    path("o/<slug:slug>/works/<int:number>/deposits/<int:deposit>/record", work_pages.record, name="deposit-record"),
    path("o/<slug:slug>/pictures/<str:digest>", work_pages.picture, name="picture"),
]
