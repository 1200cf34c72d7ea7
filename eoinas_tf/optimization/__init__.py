"""The code for updating weights that the search and the final training share."""
