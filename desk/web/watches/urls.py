"""Addresses of the pages about watches and their crawls."""

from django.urls import path

from desk.web.watches import canaries as canary_pages
from desk.web.watches import crawls as crawl_pages
from desk.web.watches import new as new_watch_pages
from desk.web.watches import searches as search_pages
from desk.web.watches import sources as source_pages
from desk.web.watches import views as watch_pages

watch_patterns = [
    path("o/<slug:slug>/watches/", watch_pages.watches, name="watches"),
    path("o/<slug:slug>/watches/new", new_watch_pages.new, name="new-watch"),
    path("o/<slug:slug>/watches/make", new_watch_pages.make, name="make-watch"),
    path("o/<slug:slug>/watches/searches/", search_pages.searches, name="searches"),
    path("o/<slug:slug>/watches/searches/<slug:service>/key", search_pages.keep, name="keep-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/drop", search_pages.drop, name="drop-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/watch", search_pages.new, name="new-search-watch"),
    path("o/<slug:slug>/watches/<int:number>/", watch_pages.watch, name="watch"),
    path("o/<slug:slug>/watches/<int:number>/edit", watch_pages.edit, name="edit-watch"),
    path("o/<slug:slug>/watches/<int:number>/run", watch_pages.run, name="run-watch"),
    path("o/<slug:slug>/watches/<int:number>/pause", watch_pages.pause, name="pause-watch"),
    path("o/<slug:slug>/watches/<int:number>/delete", watch_pages.remove, name="remove-watch"),
    path("o/<slug:slug>/watches/<int:number>/sources/", source_pages.sources, name="watch-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/add", source_pages.add, name="add-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/remove", source_pages.remove, name="remove-source"),
    path("o/<slug:slug>/watches/<int:number>/canaries", canary_pages.plant, name="plant-canary"),
    path(
        "o/<slug:slug>/watches/<int:number>/canaries/<int:canary>/withdraw",
        canary_pages.withdraw,
        name="withdraw-canary",
    ),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/", crawl_pages.crawl, name="crawl"),
    path(
        "o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/progress", crawl_pages.progress, name="progress"
    ),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/stop", crawl_pages.stop, name="stop-crawl"),
]
