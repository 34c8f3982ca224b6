"""Contenders take turns in rounds; what is judged is the ratio within a round, what is printed is its median."""

import gc
import json
import os
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

MOST_PER_SECOND = 10_000
"""More steps than anything here does in a second."""

Step = Callable[[], int]
"""Does one unit of work; how many units that was (events, commands)."""


@dataclass
class Run:
    """One contender in one round: units per second, and how long one unit took (ms)."""

    rate: float
    p50_ms: float
    p99_ms: float


@dataclass
class Series:
    """All rounds of one contender."""

    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median of units per second."""
        return statistics.median(run.rate for run in self.runs)

    def line(self) -> str:
        """For the table."""
        p50 = statistics.median(run.p50_ms for run in self.runs)
        p99 = statistics.median(run.p99_ms for run in self.runs)
        return f"{self.name:<44}{self.rate:>12,.0f}/s   p50 {p50:>7.2f} ms   p99 {p99:>7.2f} ms"


class Supply:
    """Steps made before they are timed: what a client does to make a command is not what a command costs."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps
        self._ready: deque[Step] = deque()

    def prepare(self, count: int) -> None:
        """Have so many steps ready."""
        self._ready.extend(islice(self._steps, max(0, count - len(self._ready))))

    def next(self) -> Step:
        """The next one. Raises IndexError when there are no more: measure for less long, or prepare more."""
        return self._ready.popleft()


def measure(supply: Supply, threads: int, seconds: float) -> Run:
    """Run steps in so many threads for so long."""
    supply.prepare(int(seconds * MOST_PER_SECOND))
    gc.collect()
    gc.freeze()  # what waits to be run is the benchmark's own: nobody's collector shall walk over it
    done, times = [0] * threads, list[float]()
    started = time.perf_counter()
    until = started + seconds

    def work(thread: int) -> None:
        mine = list[float]()
        while (start := time.perf_counter()) < until:
            units = supply.next()()
            done[thread] += units
            mine.append((time.perf_counter() - start) / units)
        times.extend(mine)

    with ThreadPoolExecutor(threads) as pool:
        for finished in [pool.submit(work, thread) for thread in range(threads)]:
            finished.result()
    took = time.perf_counter() - started
    times.sort()
    return Run(sum(done) / took, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3)


@dataclass
class Ratio:
    """One contender against another: the median of the ratios of each round, and what it should be."""

    name: str
    value: float
    target: float

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target

    def line(self) -> str:
        """For the table."""
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.name:<60}{self.value:>8.2f}x   target {self.target:>5.2f}x   {verdict}"


def ratio(name: str, ours: Series, theirs: Series, target: float) -> Ratio:
    """Ours over theirs, round by round."""
    pairs = zip(ours.runs, theirs.runs, strict=True)
    return Ratio(name, statistics.median(mine.rate / other.rate for mine, other in pairs), target)


def report(title: str, series: list[Series], ratios: list[Ratio], output: Path | None) -> None:
    """Print the table, and append it as one JSON line to `output`."""
    print(f"\n{title}  ({platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores)")
    for each in series:
        print("  " + each.line())
    for one in ratios:
        print("  " + one.line())
    if output:
        document = {
            "title": title,
            "series": {each.name: {"rate": each.rate, "runs": [asdict(run) for run in each.runs]} for each in series},
            "ratios": {one.name: asdict(one) | {"reached": one.reached} for one in ratios},
        }
        with output.open("a") as file:
            file.write(json.dumps(document) + "\n")
