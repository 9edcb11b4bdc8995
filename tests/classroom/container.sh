#!/bin/bash
# container.sh FOLDER COMMAND ...: run a command as it would run in a container of Gradescope's.
#
# It sees a root file system of its own: this machine's, with what is written kept in FOLDER/changes. It is
# root with the capabilities that Docker leaves, in process and mount namespaces of its own, and can make no
# user namespace, so bubblewrap does not work there. Needs root, and nothing on this machine is changed.
set -euo pipefail
if [ -z "${IN_NAMESPACES:-}" ]; then
    export IN_NAMESPACES=1
    exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
unset IN_NAMESPACES
folder=$(realpath "$1")
shift
mkdir -p "$folder/changes" "$folder/overlay" "$folder/system"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/overlay" "$folder/system"
mount -t proc proc "$folder/system/proc"
mount --rbind /dev "$folder/system/dev"
cd "$folder/system"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
cd /

# A user namespace with the same users; in it, no further ones. Docker's capabilities are all that is left.
capabilities=+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap
capabilities+=,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap
gate=$(mktemp --dry-run)
mkfifo "$gate"
unshare --user bash -c 'read -r <"$0"; exec "$@"' "$gate" bash -c '
    echo 0 >/proc/sys/user/max_user_namespaces
    exec setpriv --bounding-set="-all,$0" --inh-caps=-all "$@"' "$capabilities" "$@" &
inside=$!
until [ "$(readlink /proc/$inside/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
echo 0 0 65536 >/proc/$inside/uid_map
echo 0 0 65536 >/proc/$inside/gid_map
echo >"$gate"
wait $inside
