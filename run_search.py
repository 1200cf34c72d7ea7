"""Searches for an architecture: `python run_search.py --flagfile=flags/search_cifar10.flags --run_dir=runs/a`."""

from eoinas_tf.commands.search import main

if __name__ == "__main__":
    main()
