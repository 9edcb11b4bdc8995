class Rectifier:
    """max(x, 0) as a class with a call."""

    def __init__(self, zero=0):
        self.zero = zero

    def __call__(self, x):
        out = np.empty(x.shape, x.dtype.newbyteorder("="))
        out[...] = x
        out[~((x > self.zero) | (x != x))] = self.zero
        return out


def vectorized_relu(x):
    return Tensor(Rectifier()(array_of(x)))
