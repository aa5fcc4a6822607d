"""Parties (sites in cases): registry lookups of their operators, payment demands and invoices."""
