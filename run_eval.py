"""Trains, tests and exports a genotype's network: `python run_eval.py --genotype=DARTS_V2 --run_dir=runs/b`."""

from eoinas_tf.commands.evaluation import main

if __name__ == "__main__":
    main()
