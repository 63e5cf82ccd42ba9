"""The command line's commands, one file each: `add_arguments(parser)` says what it takes, `run(arguments)` does it.

What is heavy (torch and all that needs it) is imported inside `run`, so that help and complaints come at once.
"""
