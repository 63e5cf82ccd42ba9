"""Training: losses, schedule, initializations and the loop."""
