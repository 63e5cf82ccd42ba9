"""Training: losses, schedule, initialisations and the loop."""
