"""The search methods, one a file; `eoinas_tf/search_methods.py` lists them."""
