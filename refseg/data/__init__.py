"""Data set readers, scenes, generated expressions, augmentation and training batches."""
