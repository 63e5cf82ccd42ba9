"""Training of the region branch: cached proposals, synthetic layouts, losses, and the fit of the gate."""
