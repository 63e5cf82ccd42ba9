"""The image tab."""
