"""Documents: the exhibit sheet of a case and the report of many, as PDF/A-3b, CSV and JSON.

They state what was observed, when, how certain the comparison is and what was not checked. Each sentence names its
source: recorded by the software, declared by the owner, or stated by a third party. URLs are shown, never linked.
"""
