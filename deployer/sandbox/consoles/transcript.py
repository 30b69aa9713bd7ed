"""What a terminal has sent, as much of it as is kept."""

from collections import deque

PIECE = 4096  # characters; shorter pieces are put together, so that single letters take no piece each


class Transcript:
    """The last characters, at least `keep` where there were so many; positions count from the first ever."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pieces: deque[str] = deque()
        self.begin = 0
        self.end = 0

    def append(self, text: str) -> None:
        if self._pieces and len(self._pieces[-1]) < PIECE:
            self._pieces[-1] += text
        else:
            self._pieces.append(text)
        self.end += len(text)
        while self.end - self.begin - len(self._pieces[0]) >= self._keep:
            self.begin += len(self._pieces.popleft())

    def after(self, position: int) -> str:
        """All from there to the end; `position` is at least `begin`."""
        wanted = self.end - max(position, self.begin)
        pieces: list[str] = []
        for piece in reversed(self._pieces):
            if wanted <= 0:
                break
            pieces.append(piece[-wanted:])
            wanted -= len(piece)
        return "".join(reversed(pieces))

    def tail(self, count: int) -> str:
        return self.after(self.end - count)
