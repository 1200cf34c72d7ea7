"""The functions that Python users call; `eoinas_tf` itself offers them by name. Nothing else imports them."""
