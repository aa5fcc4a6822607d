"""Owners, their people, and what belongs to them: everything of an owner is asked for through it."""
