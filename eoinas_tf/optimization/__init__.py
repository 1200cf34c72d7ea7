"""What the search and the final training share about updating weights."""
