"""Parties and money, as programs are told of them and as they say it."""
