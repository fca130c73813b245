"""Look-ups that forget what has not been asked for lately."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A dictionary of two halves: the newer one becomes the older when it is full.

    What is found in the older half goes to the newer; so a loop that comes back to what it has
    done finds it, and one that does something else each time does not fill the memory.
    """

    __slots__ = ("_newer", "_older", "_room")

    def __init__(self, room: int) -> None:
        self._room = room
        self._newer: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What is remembered, None if nothing is."""
        found = self._newer.get(key)
        if found is None and self._older:
            found = self._older.pop(key, None)
            if found is not None:
                self[key] = found
        return found

    def __setitem__(self, key: K, value: V) -> None:
        if len(self._newer) >= self._room:
            self._older, self._newer = self._newer, {}
        self._newer[key] = value

    def values(self) -> list[V]:
        """All that is remembered."""
        return [*self._older.values(), *self._newer.values()]

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def clear(self) -> None:
        """Forget everything."""
        self._newer, self._older = {}, {}
