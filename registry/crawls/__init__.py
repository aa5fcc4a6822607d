"""Watches and crawls: schedules, slices, sightings, searches, and their background jobs."""
