"""What is said in the reader's language: words and sentences of cases, evidence, ownership, uploads, times, refusals.

Text only: no page, no form, nothing that decides. The site uses all of it; the API and the command line some.
"""
