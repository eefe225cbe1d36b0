"""
Lanes: the short cuts of the messages that come most, taken before any text is made of a message.

A lane gets the parts of one message as bytes. It takes the message whole and says so, or it leaves
everything as it is and says that too; then the decoder reads the message as it reads all others. So
a lane never raises, has no event to deliver, and never calls anybody's code. What is to be told of
what it has taken waits until the next message is read by the decoder, or for the end of the read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["Lane", "Remembered"]

T = TypeVar("T")

Lane = Callable[[list[bytes]], bool]
"""Takes the parts of a message, the last of them what stands behind its last NUL; tells whether."""

_REMEMBERED: Final = 8_192


class Remembered(dict[bytes, T]):
    """
    What bytes of the wire mean, for so many of them: the same few come again and again.

    To read a number from bytes takes several times as long as to look it up, and a call of any
    function, that of a cache too, twice as long.

    Args:
        read: Makes of them what they mean.
        most: How many are remembered; when there are more, they are all forgotten.
    """

    def __init__(self, read: Callable[[bytes], T], *, most: int = _REMEMBERED) -> None:
        super().__init__()
        self._read = read
        self._most = most

    def __missing__(self, part: bytes) -> T:
        """
        Read what is not remembered; what `read` raises is not.

        Raises:
            ValueError: It cannot be read.
        """
        meaning = self._read(part)
        if len(self) >= self._most:
            self.clear()
        self[part] = meaning
        return meaning
