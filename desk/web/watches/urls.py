"""Addresses of the pages about watches and their crawls."""

from django.urls import path

from desk.web.watches import canaries, crawls, new, searches, sources, views

watch_patterns = [
    path("o/<slug:slug>/watches/", views.watches, name="watches"),
    path("o/<slug:slug>/watches/new", new.new, name="new-watch"),
    path("o/<slug:slug>/watches/make", new.make, name="make-watch"),
    path("o/<slug:slug>/watches/searches/", searches.searches, name="searches"),
    path("o/<slug:slug>/watches/searches/<slug:service>/key", searches.keep, name="keep-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/drop", searches.drop, name="drop-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/watch", searches.new, name="new-search-watch"),
    path("o/<slug:slug>/watches/<int:number>/", views.watch, name="watch"),
    path("o/<slug:slug>/watches/<int:number>/edit", views.edit, name="edit-watch"),
    path("o/<slug:slug>/watches/<int:number>/run", views.run, name="run-watch"),
    path("o/<slug:slug>/watches/<int:number>/pause", views.pause, name="pause-watch"),
    path("o/<slug:slug>/watches/<int:number>/delete", views.remove, name="remove-watch"),
    path("o/<slug:slug>/watches/<int:number>/sources/", sources.sources, name="watch-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/add", sources.add, name="add-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/remove", sources.remove, name="remove-source"),
    path("o/<slug:slug>/watches/<int:number>/canaries", canaries.plant, name="plant-canary"),
    path(
        "o/<slug:slug>/watches/<int:number>/canaries/<int:canary>/withdraw",
        canaries.withdraw,
        name="withdraw-canary",
    ),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/", crawls.crawl, name="crawl"),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/progress", crawls.progress, name="progress"),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/stop", crawls.stop, name="stop-crawl"),
]
