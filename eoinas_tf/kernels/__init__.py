"""The arithmetic that layers call without a condition: convolutions, normalization, pooling, sums, branches.

`kernel_policy.py` decides which implementation runs; `tensorflow_internals.py` holds every private TensorFlow name.
"""
