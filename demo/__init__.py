"""Demonstration: a complete run of the product on three small generated web sites."""
