def interval(samples):
    rng = np.random.default_rng(0)
    resamples = rng.choice(samples, size=(2000, len(samples)), replace=True)
    low, high = np.percentile(np.median(resamples, axis=1), [2.5, 97.5])
    return float(low), float(high)


def seconds(operation, args, kwargs):
    start = time.perf_counter()
    operation(*args, **kwargs)
    return time.perf_counter() - start


def benchmark_operation(operation, *args, warmup=3, repeats=20, baseline=None, **kwargs):
    check_positive(repeats=repeats)
    for _ in range(warmup):
        operation(*args, **kwargs)
        if baseline is not None:
            baseline(*args, **kwargs)
    own, other = [], []
    for _ in range(repeats):
        own.append(seconds(operation, args, kwargs))
        if baseline is not None:
            other.append(seconds(baseline, args, kwargs))
    result = {
        "samples_s": own,
        "median_s": np.median(own),
        "mean_s": np.mean(own),
        "std_s": np.std(own, ddof=1) if repeats > 1 else 0.0,
        "min_s": min(own),
        "p95_s": np.percentile(own, 95),
        "ci95_s": interval(own),
    }
    if baseline is not None:
        ratios = np.divide(other, own)
        low, high = interval(ratios)
        speedup = np.median(ratios)
        result.update(speedup=speedup, speedup_ci95=(low, high), significant=not low <= 1 <= high)
    return result
