"""The commands, as the scripts and `eoinas` start them."""
