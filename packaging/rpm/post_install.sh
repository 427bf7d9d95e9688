systemd-sysusers dualmasterd.conf || :
systemd-tmpfiles --create dualmasterd.conf || :
journalctl --update-catalog >/dev/null 2>&1 || :
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
# 1: the first installation; nothing is configured, and nothing started.
if [ "$1" = 1 ]; then
    systemctl preset dualmasterd.service >/dev/null 2>&1 || :
    echo "dualmasterd is installed and not started: no pair is configured yet."
    echo "  1. /etc/dualmasterd/dualmasterd.toml    say which servers make a pair: dualmasterd.toml(5)"
    echo "  2. dualmasterd --check                  names every mistake, touches nothing"
    echo "  3. systemctl enable --now dualmasterd"
fi
