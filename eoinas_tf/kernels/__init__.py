"""The arithmetic that layers call without a condition: convolutions, normalization, pooling, sums, branches.

`quantizable_operations.py` is a mode that an export sets; a factorized reduction is the one layer that asks for it.

`kernel_policy.py` decides which implementation runs; `tensorflow_internals.py` holds every private TensorFlow name.
"""
