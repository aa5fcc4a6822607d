"""The commands about watches, crawls and cases; each module has its command's name, the others are their parts."""
