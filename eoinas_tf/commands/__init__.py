"""The commands that the scripts and `eoinas` run."""
