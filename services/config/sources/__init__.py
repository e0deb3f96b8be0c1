"""Documents that are kept as files: a folder is watched, and what is valid in it becomes a version."""
