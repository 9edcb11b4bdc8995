import threading


def parallel_relu(x, num_workers=4):
    if num_workers < 1:
        raise ValueError("somebody has to do the work")
    x = array_of(x)
    result = np.array(x, order="C")

    def clip(part):
        part[part <= 0] = 0

    threads = [
        threading.Thread(target=clip, args=(part,))
        for part in np.array_split(result.reshape(-1), num_workers)
    ]
    if result.size > 10**5:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        clip(result.reshape(-1))
    return Tensor(result)
