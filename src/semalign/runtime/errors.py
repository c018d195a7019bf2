"""Errors that a user can cause, and how a script reports them."""


class UserError(Exception):
    """One line a user can act on: which key or file, what was found, what was expected."""
