#!/bin/bash
# Gradescope runs this once, as root, when it builds the image of the autograder.
set -euo pipefail
root=${AUTOGRADER:-/autograder}
home=${TINYTORCH_HOME:-/opt/tinytorch}

# The grader needs Python 3.11 or later; Gradescope's images may have an older one.
apt-get update
python=
for candidate in python3 python3.13 python3.12 python3.11; do
    [ "$candidate" = python3 ] || apt-get install -y "$candidate" "$candidate-venv" || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "No Python 3.11 or later: choose a newer base image."; exit 1; }
[ "$python" != python3 ] || apt-get install -y python3-venv

umask 022 # submissions run as another user, who must be able to read Python and its packages
"$python" -m venv "$home"
"$home/bin/pip" install --no-cache-dir "$root/source/package"

# What is in here is the grader's alone: the hidden tests above all.
chown -R root:root "$root/source"
chmod -R go-rwx "$root/source"
