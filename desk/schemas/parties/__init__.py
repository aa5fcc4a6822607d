"""Requests and responses about sites and payment demands."""
