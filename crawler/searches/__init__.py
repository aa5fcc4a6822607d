"""Image searches and marketplaces: a TOML file for each; what such a file may say, and how it is asked."""
