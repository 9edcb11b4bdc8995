from concurrent.futures import as_completed


def parallel_batch_processing(batch_data, operation, num_workers=4, executor=None):
    if num_workers < 1:
        raise ValueError("somebody has to do the work")

    def run(pool):
        places = {pool.submit(operation, item): place for place, item in enumerate(batch_data)}
        answers, failures = {}, {}
        for future in as_completed(places):
            target = answers if future.exception() is None else failures
            target[places[future]] = future
        if failures:
            error = failures[min(failures)].exception()
            error.add_note(f"batch item {min(failures)}")
            raise error
        return [answers[place].result() for place in range(len(answers))]

    if executor is None or executor == "process":
        kind = ThreadPoolExecutor if executor is None else ProcessPoolExecutor
        with kind(num_workers) as pool:
            return run(pool)
    return run(executor)
