#!/usr/bin/env bash
# The hidden tests of the kernels, and the tests of the register tiles and products, on emulated 64-bit Arm, the
# dot product of NEON included. Needs Debian, root and an hour: qemu runs each instruction some thirty times
# slower. Not a part of .ci/run.
#
#     tests/hardware/arm64.sh [pytest arguments, in place of the files below]
#
# mmdebstrap only unpacks the packages, so nothing of them has to run; pip fetches the wheels for aarch64. The
# emulated process can start no other one: tests that do are left out, and so are races, which mean nothing here.
# A checkout below a folder that the unpacked system has too (/tmp, /home, ...) is not found.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests=("$@")
[ $# -gt 0 ] || tests=(tests/hardware/test_{int8,float_tile,sparse_tile,lanes,products,pruned}.py
    tests/hidden/test_{vectorized_relu,vectorized_operations,matmul_baseline,cache_friendly_matmul}.py
    tests/hidden/test_{quantized_matmul,quantized_relu,pruned_matmul,parallel_relu}.py)

export DEBIAN_FRONTEND=noninteractive
command -v qemu-aarch64-static mmdebstrap >/dev/null || apt-get install -y -qq qemu-user-static mmdebstrap

root=${ARM64_ROOT:-$(mktemp -d)}
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ ! -e "$root/usr/bin/python3" ]; then
    mmdebstrap --architectures=arm64 --variant=extract --include=python3,libgomp1,libstdc++6,zlib1g "$release" "$root"
fi
version=$(cd "$root/usr/bin" && ls | grep -xE 'python3\.[0-9]+')
packages=$root/opt/packages
if [ ! -d "$packages/yaml" ]; then
    python -m pip install --quiet --target "$packages" --only-binary=:all: --python-version "${version#python}" \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 \
        numpy scipy numba loky threadpoolctl py-cpuinfo psutil jupytext pyyaml pytest hypothesis
fi

# What LLVM takes this for is the host's, so the name and the features of a Neoverse N1 are given.
export NUMBA_CPU_NAME=neoverse-n1 NUMBA_CPU_FEATURES=+neon,+dotprod
export PYTHONPATH=$PWD:$packages:$PWD/tests:$PWD/tests/hardware:$PWD/tests/hidden PYTHONDONTWRITEBYTECODE=1
emulated() { qemu-aarch64-static -cpu max -L "$root" -E PYTHONHOME="$root/usr" "$root/usr/bin/$version" "$@"; }
emulated -c 'from tinytorch.hardware.int8 import int8_path; print("int8 path:", int8_path())'
emulated -m pytest -c /dev/null --rootdir="$PWD" --noconftest --import-mode=importlib -p no:cacheprovider -p in_process \
    -k "not (environment_variable or target_without or measured_peak or speed or python_loop or loops_are_compiled)" -q --durations=10 "${tests[@]}"
