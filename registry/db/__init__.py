"""What all rows share: column types, claims of jobs, bulk writes, locks, leases, kept answers."""
