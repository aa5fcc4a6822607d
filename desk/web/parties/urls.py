"""URL patterns of the pages on sites and payments."""

from django.urls import URLPattern, path

from desk.web.parties import money, views

urlpatterns: list[URLPattern] = [
    path("o/<slug:slug>/demands/", money.demand_list, name="demands"),
    path("o/<slug:slug>/demands/<int:number>/", money.demand, name="demand"),
    path("o/<slug:slug>/demands/new", money.create_demand, name="new-demand"),
    path("o/<slug:slug>/demands/<int:number>/entries", money.add_entry, name="add-entry"),
    path("o/<slug:slug>/demands/<int:number>/invoice", money.issue_invoice, name="new-invoice"),
    path("o/<slug:slug>/invoices/<slug:name>.pdf", money.invoice_file, name="invoice-file"),
    path("o/<slug:slug>/invoices/<slug:name>/cancel", money.cancel_invoice, name="cancel-invoice"),
    path("o/<slug:slug>/demands/ledger.csv", money.ledger, name="money-ledger"),
    path("o/<slug:slug>/fees/", money.fee_tables, name="fees"),
    path("o/<slug:slug>/parties/", views.party_list, name="parties"),
    path("o/<slug:slug>/party/<path:name>", views.party, name="party"),
    path("o/<slug:slug>/parties/look-up", views.look_up, name="look-up"),
]
