"""Sealed facts of a case: frozen dataclasses that documents and checks read."""
