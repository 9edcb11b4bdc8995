@njit(nogil=True)
def blocked_loops(A, B, C, block, A_panels, B_panels):
    rows, depth = A.shape
    columns = B.shape[1]
    high, wide = A_panels.shape[1], B_panels.shape[2]
    block_rows, block_columns = A_panels.shape[0] * high, B_panels.shape[0] * wide
    for j0 in range(0, columns, block_columns):
        j1 = min(j0 + block_columns, columns)
        for k0 in range(0, depth, block):
            k1 = min(k0 + block, depth)
            for k in range(k0, k1):
                for j in range(j0, j1):
                    B_panels[(j - j0) // wide, k - k0, (j - j0) % wide] = B[k, j]
            for i0 in range(0, rows, block_rows):
                i1 = min(i0 + block_rows, rows)
                for i in range(i0, i1):
                    for k in range(k0, k1):
                        A_panels[(i - i0) // high, (i - i0) % high, k - k0] = A[i, k]
                for j in range(j0, j1, wide):
                    for i in range(i0, i1, high):
                        multiply_tile(
                            A_panels, (i - i0) // high, B_panels, (j - j0) // wide, C, i, j, k1 - k0, k0 > 0
                        )


def cache_friendly_matmul(A, B, block_size=None):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    check_positive(block_size=block_size)
    dtype = computing_dtype(A, B)
    high, wide = tile_shape(dtype)
    C = np.zeros((A.shape[0], B.shape[1]), dtype)
    block = 256 if block_size is None else block_size
    A_panels = np.zeros((-(-block // high), high, block), dtype)
    B_panels = np.zeros((-(-block // wide), block, wide), dtype)
    blocked_loops(plain(A, dtype), plain(B, dtype), C, block, A_panels, B_panels)
    return Tensor(C.astype(result_dtype(A, B)))
