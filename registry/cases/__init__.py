"""Cases: how matches open them, which licences cover them, who decides them, and what is asked about them."""
