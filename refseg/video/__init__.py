"""Reading and writing videos: choosing frames, decoding them by index, writing overlays and masks. Imports no
network.
"""
