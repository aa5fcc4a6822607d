"""Cases: opening them from matches, licence coverage, decisions, and queries about them."""
