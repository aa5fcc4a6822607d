"""What goes in and what comes out: the job, and lines of JSON, read strictly."""
