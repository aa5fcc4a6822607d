"""What all rows share: bulk writes, locks, claims of steps, heartbeats, kept answers."""
