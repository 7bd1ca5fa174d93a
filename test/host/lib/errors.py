"""What the user can do something about."""


class HostError(Exception):
    """A failure to report in one message, with what to do about it if that is known."""

    def __init__(self, message, hint=None):
        super().__init__(message)
        self.hint = hint

    def __str__(self):
        return f"{super().__str__()}\n  hint: {self.hint}" if self.hint else super().__str__()
