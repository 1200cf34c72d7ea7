"""Studies: methods, seeds, data sets and sizes from one file of data, and their analyses."""
