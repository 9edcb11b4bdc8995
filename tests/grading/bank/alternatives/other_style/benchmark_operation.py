import random
import statistics


def resampled_medians(samples):
    draw = random.Random(0)
    return sorted(statistics.median(draw.choices(samples, k=len(samples))) for _ in range(2000))


def percentile(ordered, percent):
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def benchmark_operation(operation, *args, warmup=3, repeats=20, baseline=None, **kwargs):
    if repeats < 1:
        raise ValueError("repeats must be at least 1")
    contestants = [operation] if baseline is None else [baseline, operation]
    times = {place: [] for place in range(len(contestants))}
    for turn in range(-warmup, repeats):
        for place, contestant in enumerate(contestants):
            begin = time.perf_counter_ns()
            contestant(*args, **kwargs)
            if turn >= 0:
                times[place].append((time.perf_counter_ns() - begin) / 1e9)
    samples = times[len(contestants) - 1]
    medians = resampled_medians(samples)
    answer = {
        "samples_s": np.array(samples),
        "median_s": statistics.median(samples),
        "mean_s": statistics.fmean(samples),
        "std_s": statistics.stdev(samples) if repeats > 1 else float("nan"),
        "min_s": min(samples),
        "p95_s": percentile(sorted(samples), 95),
        "ci95_s": [percentile(medians, 2.5), percentile(medians, 97.5)],
        "speedup": None,
        "significant": None,
    }
    if baseline is not None:
        ratios = [other / own for other, own in zip(times[0], samples)]
        medians = resampled_medians(ratios)
        answer["speedup"] = statistics.median(ratios)
        answer["speedup_ci95"] = [percentile(medians, 2.5), percentile(medians, 97.5)]
        answer["significant"] = 1 < answer["speedup_ci95"][0] or answer["speedup_ci95"][1] < 1
    return answer
