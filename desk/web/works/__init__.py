"""Works: uploads, pages and declarations."""
