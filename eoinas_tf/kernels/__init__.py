"""The arithmetic that layers call unconditionally: convolutions, normalization, pooling, sums, branches.

`quantizable_operations.py` is a mode that an export sets; only the factorized reduction asks for it.

`kernel_policy.py` decides which implementation runs; `tensorflow_internals.py` holds every private TensorFlow name.
"""
