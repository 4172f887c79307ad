#!/bin/sh
# Stands between apt and its own method for http or https, under whose name it is called. It asks a mirror in place of
# the archive that a source names, and answers as if the archive had: neither apt's lists nor its messages name the
# mirror. Beside it lies `archives`: lines of an archive without its scheme and the URL of its mirror.
here=${0%/*}
access=${0##*/}
method=/usr/lib/apt/methods/$access
asked='image-factory asked'
over='image-factory over'

if [ ! -x "$method" ]; then
	echo "apt has no method $method" >&2
	exit 100
fi

# Each request with the mirror in it. The other direction learns through descriptor 4 which archive was asked for, since
# several may have the same mirror; it is written first, so that it is read before any answer.
requests() {
	while IFS= read -r line; do
		case $line in
		'URI: '*)
			while read -r archive mirror; do
				rest=${line#"URI: $access://$archive/"}
				if [ "$rest" != "$line" ]; then
					printf '%s %s %s\n' "$asked" "$archive" "$mirror" >&4
					line="URI: $mirror/$rest"
					break
				fi
			done < "$here/archives"
			;;
		esac
		printf '%s\n' "$line"
	done
}

# Each answer with the archive in it. The pairs that were asked for are the arguments, the latest first.
answers() {
	set --
	while IFS= read -r line; do
		case $line in
		"$asked "*)
			pair=${line#"$asked "}
			for known; do
				shift
				[ "$known" = "$pair" ] || set -- "$@" "$known"
			done
			set -- "$pair" "$@"
			continue
			;;
		"$over "*) exit "${line#"$over "}" ;;
		'URI: '* | 'New-URI: '*)
			uri=${line#*: }
			for pair; do
				rest=${uri#"${pair#* }/"}
				if [ "$rest" != "$uri" ]; then
					line="${line%%: *}: $access://${pair%% *}/$rest"
					break
				fi
			done
			;;
		esac
		printf '%s\n' "$line"
	done
}

# apt waits for the end of this process and of its answers before it closes its own ways, so both have to end with the
# method, and nobody may wait for the one who still reads requests.
exec 3<&0
{
	{
		requests <&3 | {
			"$method" 3<&- 4>&-
			printf '%s %s\n' "$over" "$?"
		}
	} 4>&1 &
} | answers 3<&-
