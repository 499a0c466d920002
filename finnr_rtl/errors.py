"""The one exception that users are meant to see."""

__all__ = ["UserError"]


class UserError(Exception):
    """Something in the user's hands is wrong; its text is one sentence saying what, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """
