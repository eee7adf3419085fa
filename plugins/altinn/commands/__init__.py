"""The subcommands of `altinn`, one module each; `altinn.cli` lists them.

A command module offers `add_arguments(parser)` and `run(options, out) -> status`; its docstring's first line is the
help text. Heavy imports stand inside `run`, so that `altinn --help` stays quick.
"""
