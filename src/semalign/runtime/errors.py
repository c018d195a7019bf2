"""Errors that a user can cause; scripts report them in one line, without a traceback."""


class UserError(Exception):
    """A one-line message a user can act on: key or file, what was found, what was expected."""
