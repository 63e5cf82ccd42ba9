"""CMSA, GMLF and CFSA: the networks of Ye et al., "Referring Segmentation in Images and Videos with Cross-Modal
Self-Attention Network" (2021).
"""
