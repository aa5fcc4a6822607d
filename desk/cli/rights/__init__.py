"""The commands about owners, people, works and licences; each module has its command's name."""
