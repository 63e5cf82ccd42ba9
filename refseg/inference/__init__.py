"""From a checkpoint to masks: loading, prediction, refinement, explanation, and the Hub."""
