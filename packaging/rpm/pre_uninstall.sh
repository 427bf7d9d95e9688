# 0: removed, not upgraded. Servers, roles and endpoint stay as they are.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now dualmasterd.service >/dev/null 2>&1 || :
fi
# Without the program a unit of the distribution that it took over could not start any more.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    dualmasterd give-back --all || :
fi
