"""Addresses of the cases: the queue, the page of one, and what is done with them."""

from django.urls import path

from desk.web.cases import queue, views

case_patterns = [
    path("o/<slug:slug>/cases/", queue.cases, name="cases"),
    path("o/<slug:slug>/cases/decide", queue.decide_cases, name="decide-cases"),
    path("o/<slug:slug>/cases/<int:number>/", views.case, name="case"),
    path("o/<slug:slug>/cases/<int:number>/licences", queue.licences_for, name="licences-for"),
    path("o/<slug:slug>/cases/<int:number>/decide", views.decide, name="decide"),
    path("o/<slug:slug>/cases/<int:number>/deed", views.deed, name="case-deed"),
    path("o/<slug:slug>/cases/<int:number>/matches/<int:match>/<str:drawing>", views.drawing, name="drawing"),
]
