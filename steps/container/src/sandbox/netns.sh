# Runs a program in a network and mount namespace of its own, from which the outside is reached through
# slirp4netns, but never this machine, at its loopback or its other addresses. Arguments: an empty folder, the networks
# to cut off, the program, its arguments.
dir=$1
cut=$2
shift 2
mkfifo "$dir/up" "$dir/ready" "$dir/go" || exit 125
command -v ip > /dev/null || {
	echo "the program ip is missing, so that the container's network cannot be closed (Debian: iproute2)" >&2
	exit 125
}

# This machine's own addresses, but for those of slirp4netns.
for own in $(ip -4 -o addr show | sed -n 's/.* inet \([0-9.]*\).*/\1/p'); do
	case $own in
	127.* | 10.0.2.2 | 10.0.2.3 | 10.0.2.100) ;;
	*) cut="$cut $own/32" ;;
	esac
done

# shellcheck disable=SC2016
unshare --mount --net --propagation private sh -c '
	dir=$0
	cut=$1
	shift
	echo up > "$dir/up"
	read -r go < "$dir/go" && [ "$go" = go ] || exit 125
	for net in $cut; do
		family=-4
		case $net in *:*)
			[ -e /proc/net/if_inet6 ] || continue
			family=-6 ;;
		esac
		if ! ip "$family" route replace unreachable "$net"; then
			echo "ip route: the way to $net cannot be closed" >&2
			exit 125
		fi
	done
	exec "$@"
' "$dir" "$cut" "$@" &
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
