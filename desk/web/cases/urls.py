"""Addresses of the cases: the queue, the page of one, and what is done with them."""

from django.urls import path

from desk.web.cases import queue as queue_pages
from desk.web.cases import views as case_pages

case_patterns = [
    path("o/<slug:slug>/cases/", queue_pages.cases, name="cases"),
    path("o/<slug:slug>/cases/decide", queue_pages.decide_cases, name="decide-cases"),
    path("o/<slug:slug>/cases/<int:number>/", case_pages.case, name="case"),
    path("o/<slug:slug>/cases/<int:number>/licences", queue_pages.licences_for, name="licences-for"),
    path("o/<slug:slug>/cases/<int:number>/decide", case_pages.decide, name="decide"),
    path("o/<slug:slug>/cases/<int:number>/deed", case_pages.deed, name="case-deed"),
    path("o/<slug:slug>/cases/<int:number>/matches/<int:match>/<str:drawing>", case_pages.drawing, name="drawing"),
]
