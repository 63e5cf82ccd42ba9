"""The annotation tab."""
