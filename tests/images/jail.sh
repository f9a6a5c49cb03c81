# Runs an unpacked image as Cloud Run would: root file system read-only, no network but loopback, and nothing else of
# this machine to be seen. In namespaces of its own already; the arguments: root, user, mounts (HOST:PLACE …), --, command.
set -eu
root=$1 user=$2
shift 2
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  place=$root${1#*:}
  mkdir -p "$(dirname "$place")"
  [ -e "$place" ] || touch "$place"
  mount --bind "${1%%:*}" "$place"
  shift
done
shift
mkdir -p "$root/proc" "$root/sys" "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
ln -s /proc/self/fd "$root/dev/fd"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
