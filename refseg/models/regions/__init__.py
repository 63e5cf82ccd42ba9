"""Region proposals and the choice among them: a branch that any dense system can carry."""
