"""URL patterns of the pages on watches."""

from django.urls import URLPattern, path

from desk.web.watches import crawls, getting_started, searches, sources, views

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/", crawls.crawl, name="crawl"),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/progress", crawls.progress, name="progress"),
    path("o/<slug:slug>/watches/<int:watch_number>/crawls/<int:number>/stop", crawls.stop, name="stop-crawl"),
    path("o/<slug:slug>/watches/searches/", searches.searches, name="searches"),
    path("o/<slug:slug>/watches/searches/<slug:service>/key", searches.save_key, name="keep-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/drop", searches.delete_service_key, name="drop-search-key"),
    path("o/<slug:slug>/watches/searches/<slug:service>/allow", searches.give_consent, name="allow-search"),
    path("o/<slug:slug>/watches/searches/<slug:service>/disallow", searches.revoke_consent, name="disallow-search"),
    path("o/<slug:slug>/watches/searches/<slug:service>/price", searches.set_service_price, name="search-price"),
    path("o/<slug:slug>/watches/searches/<slug:service>/watch", searches.create_search_watch, name="new-search-watch"),
    path("o/<slug:slug>/watches/archive", searches.create_archive_watch, name="new-archive-watch"),
    path("o/<slug:slug>/watches/where/", getting_started.choose_sources, name="where"),
    path("o/<slug:slug>/watches/where/<slug:service>/try", getting_started.try_service, name="try-search"),
    path("o/<slug:slug>/watches/where/<slug:service>/keep", getting_started.continue_trial, name="keep-trial"),
    path("o/<slug:slug>/watches/under-way/", getting_started.show_recent_crawls, name="under-way"),
    path("o/<slug:slug>/watches/new", sources.choose_site, name="new-watch"),
    path("o/<slug:slug>/watches/make", sources.create_watch, name="make-watch"),
    path("o/<slug:slug>/watches/<int:number>/sources/", sources.sources, name="watch-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/add", sources.add_sources, name="add-sources"),
    path("o/<slug:slug>/watches/<int:number>/sources/remove", sources.remove_source, name="remove-source"),
    path("o/<slug:slug>/watches/", views.watches, name="watches"),
    path("o/<slug:slug>/watches/<int:number>/", views.watch, name="watch"),
    path("o/<slug:slug>/watches/<int:number>/edit", views.edit, name="edit-watch"),
    path("o/<slug:slug>/watches/<int:number>/run", views.run, name="run-watch"),
    path("o/<slug:slug>/watches/<int:number>/pause", views.pause, name="pause-watch"),
    path("o/<slug:slug>/watches/<int:number>/delete", views.remove, name="remove-watch"),
    path("o/<slug:slug>/watches/<int:number>/known-copies", views.add_known_copy, name="add-known-copy"),
    path(
        "o/<slug:slug>/watches/<int:number>/known-copies/<int:known_copy>/withdraw",
        views.withdraw_known_copy,
        name="remove-known-copy",
    ),
]
