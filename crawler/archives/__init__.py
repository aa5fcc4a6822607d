"""Web archives that are asked what they hold: which captures of a domain or an address, and where their bytes lie."""
