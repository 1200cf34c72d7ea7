"""Image data sets, their division, augmentation, and the batches used in training."""
