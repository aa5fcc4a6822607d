"""Parties as an owner meets them: all that stands of one, what registries say, money asked and received."""
