"""Image data sets, their division, augmentation, and the batches that training reads."""
