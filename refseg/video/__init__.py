"""Clips in and out: which frames, reading them by index, writing overlays and masks. Knows nothing of networks."""
