"""`python -m eoinas_tf COMMAND`, the same as `eoinas COMMAND`."""

from eoinas_tf.commands.dispatch import main

if __name__ == "__main__":
    main()
