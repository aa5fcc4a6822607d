"""The steps of the pipeline, declared once, and how their messages travel. What a job does is in `registry.jobs`."""
