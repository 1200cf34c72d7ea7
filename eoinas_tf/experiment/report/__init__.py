"""Pages that tell what happened in finished runs, from what their folders hold."""
