"""Watches and crawls: schedules, slices, sightings, searches, and the jobs that do them."""
