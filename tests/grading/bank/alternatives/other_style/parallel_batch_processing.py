import queue
import threading


def parallel_batch_processing(batch_data, operation, num_workers=4, executor=None):
    check_positive(num_workers=num_workers)
    if executor is not None:
        owned = ProcessPoolExecutor(num_workers) if executor == "process" else None
        futures = [(owned or executor).submit(operation, item) for item in batch_data]
        outcomes = [
            (future.exception(), None if future.exception() else future.result()) for future in futures
        ]
        if owned:
            owned.shutdown()
    else:
        outcomes = [None] * len(batch_data)
        waiting = queue.SimpleQueue()
        for numbered in enumerate(batch_data):
            waiting.put(numbered)

        def work():
            while True:
                try:
                    index, item = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    outcomes[index] = (None, operation(item))
                except BaseException as error:
                    outcomes[index] = (error, None)

        workers = [threading.Thread(target=work) for _ in range(num_workers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    for index, (error, _) in enumerate(outcomes):
        if error is not None:
            error.add_note(f"batch item {index}")
            raise error
    return tuple(result for _, result in outcomes)
