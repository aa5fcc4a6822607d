"""Parties: who operates a host, payment demands, and registry lookups."""
