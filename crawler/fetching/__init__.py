"""Checked HTTP requests for pages, images, style sheets and documents."""
