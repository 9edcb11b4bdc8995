"""Library products where the loops are the point. Each must be refused with the line that holds it."""

KERNEL = """
def {kernel}(A, B, *rest):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    dtype = computing_dtype(A, B)
    A, B = plain(A, dtype), plain(B, dtype)
    {body}
    return Tensor(C.astype(result_dtype(A, B)))
"""

BODIES = {
    "operator": "C = A @ B",
    "in-place operator": "C = A.copy()\n    C @= B",
    "dot": "C = np.dot(A, B)",
    "method": "C = A.dot(B)",
    "matmul": "C = np.matmul(A, B)",
    "einsum": "C = np.einsum('ik,kj->ij', A, B)",
    "inner": "C = np.inner(A, B.T)",
    "tensordot": "C = np.tensordot(A, B, 1)",
    "vdot": "C = np.array([[np.vdot(a, b) for b in B.T] for a in A])",
    "multi_dot": "C = np.linalg.multi_dot([A, B])",
    "dunder": "C = A.__matmul__(B)",
    "operator module": "import operator\n    C = operator.matmul(A, B)",
    "imported under another name": "from numpy import dot as add_up\n    C = add_up(A, B)",
    "getattr": "C = getattr(np, 'dot')(A, B)",
    "name put together": "C = getattr(np, 'mat' + 'mul')(A, B)",
    "earlier module": "from tinytorch.core.layers import matmul\n    C = matmul(A, B)\n"
    "    C = getattr(C, 'data', C)",
    "SciPy": "C = (csr_array(A) @ csr_array(B)).toarray()",
    "BLAS": "from scipy.linalg.blas import dgemm\n    C = dgemm(1.0, A, B)",
    "matrix class": "C = np.asarray(np.matrix(A) * np.matrix(B))",
    "evaluated text": "C = eval('A' + '@' + 'B')",
}
PRODUCTS = ("matmul_baseline", "cache_friendly_matmul", "quantized_matmul", "pruned_matmul")


def rounds() -> list[dict[str, str]]:
    """The shortcuts dealt out to the four products: per submission, kernel to shortcut."""
    names = list(BODIES)
    return [
        dict(zip(PRODUCTS, names[start : start + len(PRODUCTS)], strict=False))
        for start in range(0, len(names), len(PRODUCTS))
    ]


def source(kernel: str, name: str) -> str:
    return KERNEL.format(kernel=kernel, body=BODIES[name])
