# Runs a program in a network and mount namespace of its own, from which the outside is reached through
# slirp4netns, but never this machine: neither its loopback nor its other addresses, nor the link-local addresses and
# the like at which clouds hand out the machine's credentials. Arguments: an empty folder, the program, its arguments.
dir=$1
shift
mkfifo "$dir/up" "$dir/ready" "$dir/go" || exit 125
command -v ip > /dev/null || {
	echo "the program ip is missing, so that the container's network cannot be closed (Debian: iproute2)" >&2
	exit 125
}

# The metadata services of clouds, and this machine's own addresses, but for those of slirp4netns.
closed="169.254.0.0/16 168.63.129.16/32 100.100.100.200/32"
for own in $(ip -4 -o addr show | sed -n 's/.* inet \([0-9.]*\).*/\1/p'); do
	case $own in
	127.* | 10.0.2.2 | 10.0.2.3 | 10.0.2.100) ;;
	*) closed="$closed $own/32" ;;
	esac
done

# shellcheck disable=SC2016
unshare --mount --net --propagation private sh -c '
	dir=$0 closed=$1
	shift
	echo up > "$dir/up"
	read -r go < "$dir/go" && [ "$go" = go ] || exit 125
	for net in $closed; do
		ip route replace unreachable "$net" || exit 125
	done
	exec "$@"
' "$dir" "$closed" "$@" &
inner=$!

# Only once the namespace is there: otherwise slirp4netns would configure the one of the host.
read -r up < "$dir/up"
[ "$up" = up ] || exit 125

slirp4netns --configure --mtu=65520 --disable-host-loopback --ready-fd=3 "$inner" tap0 \
	3> "$dir/ready" > "$dir/slirp.log" 2>&1 &
slirp=$!
ready=
read -r ready < "$dir/ready"
if [ "$ready" != 1 ]; then
	cat "$dir/slirp.log" >&2
	echo "slirp4netns did not start, so there is no way out of the container" >&2
	echo stop > "$dir/go"
	wait "$inner"
	exit 125
fi

echo go > "$dir/go"
wait "$inner"
code=$?
kill "$slirp" 2> /dev/null
wait "$slirp" 2> /dev/null
exit "$code"
