"""First weights of new systems, from public files. Recipes choose what goes where."""
