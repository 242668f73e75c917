"""Timing takes the median of enough samples and ends in time."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcplan.measure.timing import LEAST_SAMPLES, MOST_SAMPLES, SAMPLE_S, time_job


@dataclass
class Clocked:
    """A job that takes the times it is told, on a clock of its own."""

    times_s: list[float]
    now_s: float = 0.0
    asked: list[int] = field(default_factory=list)

    def __call__(self, calls: int) -> float:
        """Pass the time of the next sample; the last goes on for ever."""
        once_s = self.times_s[min(len(self.asked), len(self.times_s) - 1)]
        self.asked.append(calls)
        self.now_s += calls * once_s
        return once_s

    def clock(self) -> float:
        """The time."""
        return self.now_s


def test_one_slow_sample_does_not_matter() -> None:
    """The median passes over an interruption, and a slow first call is no sample."""
    job = Clocked([5.0, 0.01, 0.01, 0.5, 0.01])
    timing = time_job(job, 0.05, clock=job.clock)

    assert timing is not None
    assert timing.seconds == 0.01
    assert timing.repeats == LEAST_SAMPLES


def test_short_calls_are_timed_many_together() -> None:
    """A sample lasts a millisecond, whatever a call takes."""
    job = Clocked([1e-6])
    timing = time_job(job, 0.01, clock=job.clock)

    assert timing is not None
    assert min(job.asked[2:]) * 1e-6 >= SAMPLE_S * 0.999
    assert timing.repeats == sum(job.asked[2:])
    assert job.now_s < 0.02


def test_a_long_budget_is_not_used_up() -> None:
    """More samples than a few tens tell nothing new."""
    job = Clocked([1e-3])
    time_job(job, 100, clock=job.clock)

    assert len(job.asked) == 2 + MOST_SAMPLES


def test_patience_ends_before_the_samples_are_taken() -> None:
    """What would take longer than there is time for is given up after its first calls."""
    once, twice = Clocked([9.0]), Clocked([0.5, 3.0])

    assert time_job(once, 0.01, patience_s=5, clock=once.clock) is None
    assert time_job(twice, 0.01, patience_s=5, clock=twice.clock) is None
    assert (len(once.asked), len(twice.asked)) == (1, 2)
