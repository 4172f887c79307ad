#!/bin/sh
# Runs inside the built image and fails when it is not what it should be.
set -eu

fail() {
	echo "smoke: $*" >&2
	exit 1
}

. /etc/os-release
[ "$ID" = debian ] || fail "this is $ID, not Debian"

# Folders that this user may not enter hold nothing that it could start.
risky=$(find / -xdev -type f -perm /6000 2> /dev/null || true)
[ -z "$risky" ] || fail "these files give away rights: $risky"

[ "$(sh -lc umask)" = 0027 ] || fail "new files are not private: umask is $(sh -lc umask)"
grep -q '^UMASK 027$' /etc/login.defs || fail "login.defs has another umask"
! grep -q '^root::' /etc/passwd || fail "root needs no password"
[ -z "$(ls -A /var/lib/apt/lists)" ] || fail "the image holds lists of packages"
[ -s /etc/motd ] || fail "the image says nothing to who logs in"
[ ! -e /usr/local/sbin/harden ] || fail "the hardening script is still there"
[ -s /etc/ssl/certs/ca-certificates.crt ] || fail "no authority is trusted"
dpkg --audit || fail "a package is half installed"
echo "smoke: nine checks passed as $(id -un) on Debian $(cat /etc/debian_version), $(dpkg-query --show | wc -l) packages"

{
	echo "release=$VERSION_CODENAME"
	echo "version=$(cat /etc/debian_version)"
	echo "packages=$(dpkg-query --show | wc -l)"
} >> "$FACTORY_OUTPUTS"
