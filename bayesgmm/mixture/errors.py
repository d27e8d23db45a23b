"""The exceptions that tell a user what was wrong and what to do."""


class InputError(ValueError):
    """Input that cannot be used as it is: the message names the row or column and the remedy."""


class FitError(RuntimeError):
    """A fit that could not be carried through: the message says why and what to try."""
