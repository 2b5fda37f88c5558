# SPDX-License-Identifier: Apache-2.0
"""What a job of the sparse-gradient unit waits for: transfers, room for planes, rows on their way.

Times are cycles after the start of the array; golden.sgmac.cycles puts them together.
"""

SETUP = 4  # from start to the first word in a memory
RELEASE = 4  # from a plane's last position until its room can be written again
ROW_LATENCY = 10  # from a row's last position to the row
VALUE_BYTES = 4
_ROW_PLACES = 2
_QUEUE_LATENCY = 2  # from a beat to the value that needs it
_EXTRA_BEATS = 2  # in queues of what rows need, beyond those of a row
_PLANES = (
    5  # from a position's planes taken, or the start, to the addresses of the next; depthwise 6
)
_READ = 3  # from a transfer's order to its first word in a memory
BURST = 16  # beats
_UNDER_WAY = 16  # transfers


class Words:
    """Beats that are always there, one a cycle. time: of the next."""

    def __init__(self) -> None:
        self.time = SETUP

    def spend(self, cycles: int) -> None:
        """Cycles that the reader of memory takes without ordering anything."""

    def seek(self, depthwise: bool) -> None:
        """The addresses of the next position's planes are made from now on."""

    def find(self) -> None:
        """They are waited for."""

    def skip(self) -> None:
        """A transfer is not needed."""

    def order(self, beats: int) -> None:
        """A transfer begins."""

    def end(self) -> None:
        """The transfer's last beat has been taken."""


class Transfers(Words):
    """Beats as hw.sgmac.gather orders them from a memory that answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1  # of the state machine
        self.free, self.planner = 0, 0  # from when on each takes another transfer
        self.found = 0  # when the next planes' addresses are there
        self.ends: list[int] = []

    def spend(self, cycles: int) -> None:
        self.now += cycles

    def seek(self, depthwise: bool) -> None:
        self.found = self.now - 1 + _PLANES + depthwise

    def find(self) -> None:
        self.now = max(self.now, self.found)

    def skip(self) -> None:
        self.now = max(self.now, self.free) + 1

    def order(self, beats: int) -> None:
        self.skip()
        taken = max(self.now, self.planner)
        if len(self.ends) >= _UNDER_WAY:
            taken = max(taken, self.ends[-_UNDER_WAY] + 1)
        self.planner = taken + 1 + 2 * -(-beats // BURST)
        self.free = taken + 1
        self.time = max(self.time, taken + _READ)

    def end(self) -> None:
        self.ends.append(self.time)


class Ring:
    """Room for planes of `beats` words in `capacity` words; ends: the last position of each plane
    that was read."""

    def __init__(self, beats: int, capacity: int) -> None:
        self.beats, self.capacity = beats, capacity
        self.planes = 0  # written
        self.ends: list[int] = []

    def written(self, time: int, stays: bool) -> int:
        """The cycle after the last word of the next plane, whose first is written at `time` if
        there is room."""
        beats, first = self.beats, self.planes * self.beats  # first of all words ever written
        end = time + beats
        self.planes += 1
        if not stays:
            lowest = max(-(-(first + 1 - self.capacity) // beats), 1)
            for gone in range(lowest, -(-(first + beats - self.capacity) // beats) + 1):
                word = max(self.capacity + (gone - 1) * beats - first, 0)  # the first to need that
                end = max(end, self.ends[gone - 1] + RELEASE + beats - word)
        return end


class Queue:
    """Beats of `values` values each, which wait for the rows that need them; room for those of a
    row of `lanes` values, and some more."""

    def __init__(self, values: int, lanes: int) -> None:
        self.values = values
        self.room = lanes // values + _EXTRA_BEATS
        self.left: list[int] = []  # when each beat was used up
        self.arrived: list[int] = []  # of the row at hand

    def fill(self, lanes: int, words: Words) -> None:
        """Beats of the next row."""
        self.arrived = []
        beats = -(-lanes // self.values)
        words.order(beats)
        for number in range(len(self.left), len(self.left) + beats):
            gone = number - self.room
            if gone >= 0:
                words.time = max(words.time, self.left[gone] + 1)
            self.arrived.append(words.time + _QUEUE_LATENCY)
            words.time += 1
        words.end()


class Rows:
    """Rows behind the array: taken at once, or a value a cycle with what they need of memory.

    taken: the cycle in which the array is rid of each row.
    """

    def __init__(
        self, lanes: int, beat: int, *, serial: bool, accumulate: bool = False, update: bool = False
    ) -> None:
        self.serial, self.update, self.beat = serial, update, beat
        self.taken: list[int] = []
        self.queues = [Queue(beat // VALUE_BYTES, lanes)] if accumulate else []
        if update:
            self.queues.append(Queue(beat, lanes))

    def take_scales(self, outputs: int, words: Words) -> None:
        """Of so many outputs."""
        beats = -(-outputs * VALUE_BYTES // self.beat)
        words.order(beats)
        words.time += beats
        words.end()

    def places_free(self) -> int:
        """The cycle from which on the array may end another row."""
        return self.taken[-_ROW_PLACES] + 1 if len(self.taken) >= _ROW_PLACES else 0

    def take(self, offered: int, lanes: int, words: Words) -> None:
        """A row of `lanes` values, offered by the array."""
        if not self.serial:
            self.taken.append(offered)
            return
        for queue in self.queues:
            queue.fill(lanes, words)
        if len(self.queues) == 1:
            words.skip()
        now = max(offered, self.taken[-1] + 1 if self.taken else 0)
        if not self.queues:
            self.taken.append(now + lanes - 1)
            return
        for value in range(lanes):
            for queue in self.queues:
                now = max(now, queue.arrived[value // queue.values])
            for queue in self.queues:
                if value == lanes - 1 or (value + 1) % queue.values == 0:
                    queue.left.append(now)
            now += 1
        self.taken.append(now - 1)
