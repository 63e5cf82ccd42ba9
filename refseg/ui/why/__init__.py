"""The part "Why this mask" of the image tab."""
