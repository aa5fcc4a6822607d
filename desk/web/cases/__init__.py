"""The queue of cases, and the page of one."""
