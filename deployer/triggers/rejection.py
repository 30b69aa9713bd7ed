"""The one way in which a webhook's request is turned down."""


class Rejected(Exception):
    """The request counts for nothing. `status` is the HTTP status, `why` a sentence for whoever sent it.

    The sentence is always our own words: never the secret, a header or a piece of the body.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
