"""Commands of the command line, one module each: `add_arguments(parser)` adds the arguments, `run(arguments)` runs it.

The first line of a module's docstring is the summary of its command in `--help`. Slow imports (torch and what needs it)
are inside `run`, so that `--help` and errors of arguments are immediate.
"""
