journalctl --update-catalog >/dev/null 2>&1 || :
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    # An upgrade: the new daemon takes over the servers that run. Clients notice nothing.
    if [ "$1" -ge 1 ]; then
        systemctl try-restart dualmasterd.service || :
    fi
fi
