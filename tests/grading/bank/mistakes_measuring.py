"""Mistakes in the measuring functions: (name, hidden test that catches it, right source, wrong source)."""

WARM_UP = """    for _ in range(warmup):
        operation(*args, **kwargs)
        if baseline is not None:
            baseline(*args, **kwargs)
"""

MEASURING = {
    "profile_operation": [
        ("wall clock for processor time", "test_processor_time", "time.process_time()", "time.perf_counter()"),
        ("processor time for wall clock", "test_wall_time", "time.perf_counter()", "time.process_time()"),
        ("milliseconds", "test_wall_time", "wall_s = time.perf_counter() - wall",
         "wall_s = (time.perf_counter() - wall) * 1e3"),
        ("millions for billions", "test_rates", "flops / wall_s / 1e9", "flops / wall_s / 1e6"),
        ("GiB for GB", "test_rates", "bytes_moved / wall_s / 1e9", "bytes_moved / wall_s / 2**30"),
        ("bytes per flop", "test_rates", "flops / bytes_moved", "bytes_moved / flops"),
        ("time of one thread", "test_processor_time_of_all_threads", "time.process_time()", "time.thread_time()"),
        ("tracing left on", "test_measuring_memory_leaves_the_time_alone", "        tracemalloc.stop()\n", ""),
        ("0 flops taken for none", "test_no_flops_at_all", "if flops is not None:", "if flops:"),
        ("result lost", "test_result_of_the_operation", "result = operation(*args, **kwargs)",
         "result = None\n    operation(*args, **kwargs)"),
        ("keywords dropped", "test_keyword_arguments", "(*args, **kwargs)\n    cpu_s", "(*args)\n    cpu_s"),
        ("utilization in percent", "test_utilization", "cpu_s / wall_s", "100 * cpu_s / wall_s"),
        ("memory traced while timing", "test_called_once",
         "        tracemalloc.start()\n        operation(*args, **kwargs)\n", "        tracemalloc.start()\n"),
        ("current for peak memory", "test_memory_on_request", "get_traced_memory()[1]", "get_traced_memory()[0]"),
        ("memory always measured", "test_memory_on_request", "if memory:", "if True:"),
        ("time of the second call", "test_measuring_memory_leaves_the_time_alone",
         "        operation(*args, **kwargs)\n        profile",
         "        wall = time.perf_counter()\n        operation(*args, **kwargs)\n"
         "        profile['wall_s'] = time.perf_counter() - wall\n        profile"),
        ("exception swallowed", "test_exceptions_pass", "    result = operation(*args, **kwargs)\n",
         "    try:\n        result = operation(*args, **kwargs)\n    except Exception:\n        result = None\n"),
    ],
    "benchmark_operation": [
        ("mean for median", "test_median", '"median_s": np.median(own)', '"median_s": np.mean(own)'),
        ("upper middle for median", "test_median", '"median_s": np.median(own)', '"median_s": sorted(own)[repeats // 2]'),
        ("divides by n", "test_standard_deviation", "np.std(own, ddof=1)", "np.std(own)"),
        ("warm-up counted", "test_warm_up_is_not_counted", "for _ in range(repeats):", "for _ in range(warmup + repeats):"),
        ("warm-up timed", "test_warm_up_is_not_counted", WARM_UP + "    own, other = [], []\n    for _ in range(repeats):",
         "    own, other = [], []\n    for _ in range(repeats):"),
        ("no warm-up", "test_warm_up_is_not_counted", "for _ in range(warmup):", "for _ in range(0):"),
        ("first samples thrown away", "test_samples", "own, other = [], []", "own, other = [], []\n    repeats -= 1"),
        ("nearest percentile", "test_percentile", "np.percentile(own, 95)", "np.percentile(own, 95, method='higher')"),
        ("no bootstrap", "test_interval_of_few_samples", "    low, high = np.percentile(np.median(resamples, axis=1), [2.5, 97.5])",
         "    error = 1.96 * 1.2533 * np.std(samples, ddof=1) / len(samples) ** 0.5\n"
         "    low, high = np.median(samples) - error, np.median(samples) + error"),
        ("interval of the ranks", "test_interval_of_few_samples", "    low, high = np.percentile(np.median(resamples, axis=1), [2.5, 97.5])",
         "    ordered, n = np.sort(samples), len(samples)\n    low = ordered[max(int(n / 2 - 0.98 * n**0.5), 0)]\n"
         "    high = ordered[min(int(n / 2 + 0.98 * n**0.5), n - 1)]"),
        ("ratio of the medians", "test_speedup_of_pairs", "speedup = np.median(ratios)", "speedup = np.median(other) / np.median(own)"),
        ("interval of the mean", "test_confidence_interval", "np.median(resamples, axis=1)", "np.mean(resamples, axis=1)"),
        ("interval of the samples", "test_confidence_interval", "np.median(resamples, axis=1)", "resamples.ravel()"),
        ("80 percent interval", "test_confidence_interval", "[2.5, 97.5]", "[10, 90]"),
        ("speedup upside down", "test_speedup", "np.divide(other, own)", "np.divide(own, other)"),
        ("baseline after the operation", "test_baseline_is_interleaved",
         "        own.append(seconds(operation, args, kwargs))\n        if baseline is not None:\n            other",
         "        own.append(seconds(operation, args, kwargs))\n    for _ in range(repeats):\n"
         "        if baseline is not None:\n            other"),
        ("significance upside down", "test_significance", "not low <= 1 <= high", "low <= 1 <= high"),
        ("always significant", "test_no_difference", "significant=not low <= 1 <= high", "significant=speedup != 1"),
        ("samples sorted", "test_no_warm_up", '"samples_s": own', '"samples_s": sorted(own)'),
        ("milliseconds", "test_samples", "return time.perf_counter() - start", "return 1e3 * (time.perf_counter() - start)"),
        ("largest for smallest", "test_mean_and_minimum", "min(own)", "max(own)"),
        ("repeats of 0 accepted", "test_wrong_repeats", "check_positive(repeats=repeats)", "repeats = max(repeats, 1)"),
        ("processor time", "test_samples", "time.perf_counter()", "time.process_time()"),
    ],
}  # fmt: skip
