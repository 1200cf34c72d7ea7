"""Pages that report on finished runs, from the contents of their folders."""
