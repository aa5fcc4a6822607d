"""Documents: the exhibit sheet of a case and the report of many, as PDF/A-3b, CSV and JSON.

They state what was observed, when, how sure the comparison is and what was not checked, each sentence with its speaker:
recorded by the software, declared by the owner, stated by a third party. Addresses are shown, never linked.
"""
