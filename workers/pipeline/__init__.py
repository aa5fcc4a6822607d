"""The steps of the pipeline, declared once, and how their messages travel. What a step does is in `workers.steps`."""
