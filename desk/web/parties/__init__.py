"""Parties, payment demands, invoices and fees."""
