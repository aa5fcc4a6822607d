"""Cases: how matches open them, who decides them, visits for evidence, and pictures that are removed for good."""
