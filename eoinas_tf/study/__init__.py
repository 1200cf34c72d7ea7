"""Studies: methods, seeds, data sets and sizes from one JSON file, and their analyses."""
