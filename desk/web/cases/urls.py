"""URL patterns of the case pages."""

from django.urls import URLPattern, path

from desk.web.cases import assignments, queue, review, views

urlpatterns: list[URLPattern] = [
    path("finds/", review.start, name="start"),
    path("app.webmanifest", review.manifest, name="app-manifest"),
    path("o/<slug:slug>/finds/", review.review_matches, name="finds"),
    path("o/<slug:slug>/finds/decide", review.decide_match, name="decide-find"),
    path("o/<slug:slug>/cases/", queue.cases, name="cases"),
    path("o/<slug:slug>/cases/decide", queue.decide_cases, name="decide-cases"),
    path("o/<slug:slug>/cases/<int:number>/licences", queue.list_licences_for_case, name="licences-for"),
    path("o/<slug:slug>/cases/assign", assignments.choose_assignee, name="choose-assign"),
    path("o/<slug:slug>/cases/assigned", assignments.assign, name="assign-cases"),
    path("o/<slug:slug>/cases/put-aside", queue.dismiss_group, name="put-aside"),
    path("o/<slug:slug>/cases/groups/<int:group>/", queue.group_decision, name="group-decision"),
    path("o/<slug:slug>/cases/groups/<int:group>/undo", queue.undo_group, name="undo-group"),
    path("o/<slug:slug>/cases/<int:number>/", views.case, name="case"),
    path("o/<slug:slug>/cases/<int:number>/decide", views.decide, name="decide"),
    path("o/<slug:slug>/cases/<int:number>/action", views.perform_action, name="case-action"),
    path("o/<slug:slug>/cases/<int:number>/claims", views.answer_claim, name="answer-claim"),
    path("o/<slug:slug>/cases/<int:number>/matches/<int:match>/<str:drawing>", views.drawing, name="drawing"),
]
