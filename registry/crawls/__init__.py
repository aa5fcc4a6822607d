"""Watches, their crawls, what these saw, asked and refused."""
