"""`python -m eoinas_tf.study`; see `command.py`."""

import sys

from eoinas_tf.study.command import main

if __name__ == "__main__":
    main(sys.argv[1:])
