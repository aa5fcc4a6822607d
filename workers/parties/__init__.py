"""Parties: what registries say of them, asked through the guard, and tables of fees that people bring."""
