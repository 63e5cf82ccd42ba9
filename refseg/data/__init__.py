"""Readers, scenes, made expressions, augmentation and training batches."""
