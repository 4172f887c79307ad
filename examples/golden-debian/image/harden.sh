#!/bin/sh
# Makes a Debian root file system a smaller target. It can run any number of times.
set -eu

# Sets `NAME value` in a file of such lines.
setting() {
	if grep -Eq "^[#[:space:]]*$2[[:space:]]" "$1"; then
		sed -i -E "s|^[#[:space:]]*$2[[:space:]].*|$2 $3|" "$1"
	else
		echo "$2 $3" >> "$1"
	fi
}

# Nobody becomes somebody else by starting a program.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# What everybody may write to, only its owner may remove.
find / -xdev -type d -perm -0002 ! -perm -1000 -exec chmod +t {} +

# Accounts of the system have neither a password nor a shell.
awk -F: '$3 < 1000 && $1 != "root" { print $1 }' /etc/passwd | while read -r account; do
	usermod --lock --shell /usr/sbin/nologin "$account"
done
passwd --quiet --lock root

# New files are private to their owner and group, and passwords grow old.
setting /etc/login.defs UMASK 027
setting /etc/login.defs HOME_MODE 0750
setting /etc/login.defs PASS_MAX_DAYS 365
setting /etc/login.defs PASS_MIN_DAYS 1
setting /etc/login.defs LOG_OK_LOGINS yes
cat > /etc/profile.d/hardening.sh <<'END'
umask 027
unset HISTFILE
readonly TMOUT=900
export TMOUT
END
chmod 0644 /etc/profile.d/hardening.sh

# A crash leaves no memory on disk.
mkdir -p /etc/security/limits.d
echo '* hard core 0' > /etc/security/limits.d/10-no-core.conf

# Only root reads what could help to guess a password, and what the machine would run by itself.
chmod 0600 /etc/shadow- /etc/gshadow- 2> /dev/null || true
for folder in /etc/cron.d /etc/cron.daily /etc/cron.hourly /etc/cron.weekly /etc/cron.monthly; do
	if [ -d "$folder" ]; then chmod 0700 "$folder"; fi
done

# What only a machine that installs packages needs.
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
rm -rf /var/log/*.log /var/log/apt /root/.bash_history /tmp/* /var/tmp/*
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
