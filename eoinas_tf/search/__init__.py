"""EoiNAS itself, one idea a file; only the loop knows the others."""
