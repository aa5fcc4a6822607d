"""Picture contents: which files are kept and may be shown, small pictures, what uses them."""
