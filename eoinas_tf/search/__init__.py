"""The search itself, one idea a file; only the loop knows them all."""
