"""Demonstration: a complete run of the product over three small web sites made for it."""
