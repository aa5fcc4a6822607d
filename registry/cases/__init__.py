"""Matches, the cases that they open, their queue and history, and what licences do to them."""
