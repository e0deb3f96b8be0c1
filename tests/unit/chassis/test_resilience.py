"""Second tries stay rare."""

from chassis import resilience


def test_budget_runs_out_and_is_earned_back_slowly() -> None:
    """Ten first tries pay for one second try."""
    budget = resilience.Budget(ratio=0.1, burst=2)
    assert [True, True, False] == [budget.spend() for _ in range(3)]
    for _ in range(11):
        budget.earn()
    assert [True, False] == [budget.spend() for _ in range(2)]


def test_second_tries_stay_below_the_ratio_when_everything_fails() -> None:
    """The long run is bounded whatever happens."""
    budget = resilience.Budget(ratio=0.1, burst=10)
    spent = 0
    for _ in range(10_000):
        budget.earn()
        spent += budget.spend()
    assert spent <= 10_000 * 0.1 + 10


def test_percentile_is_unknown_with_few_samples() -> None:
    """A guess is not a measurement."""
    latency = resilience.Latency()
    for _ in range(resilience.SAMPLES_MIN - 1):
        latency.add(1.0)
    assert latency.percentile(0.95) is None


def test_percentile_follows_the_last_samples() -> None:
    """What was long ago is forgotten."""
    latency = resilience.Latency()
    for seconds in [9.0] * resilience.SAMPLES_MAX + [number / 100 for number in range(resilience.SAMPLES_MAX)]:
        latency.add(seconds)
    assert 1.9 == latency.percentile(0.95)
