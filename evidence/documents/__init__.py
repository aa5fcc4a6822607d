"""Documents: the exhibit sheet of one case, and the report of many cases, as PDF/A-3b, CSV and JSON.

They state observations with times, the certainty of the comparison, and the facts that were not checked. Each
sentence names its source: recorded by the software, declared by the owner, or stated by a third party. URLs are shown
as text, never as links.
"""
