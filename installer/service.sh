# The service that runs the agent of a printer, and the software beside it that reads new settings when it starts.
#
# Sourced by install.sh.
# shellcheck shell=bash

choose_service() {
    # What was chosen once stays: a second agent would take the frames, too.
    if [ -z "$SERVICE" ]; then SERVICE=$(noted service "${PRINTERS[0]}"); fi
    if [ -z "$SERVICE" ]; then
        if [ -d /run/systemd/system ]; then SERVICE=system; else SERVICE=none; fi
    fi
}

agent_command() {
    local command="$PREFIX/bin/moonlapse run --data-path $DATA"
    if [ "$SOCKET" != "$DATA/comms/moonraker.sock" ]; then command="$command --moonraker $SOCKET"; fi
    printf '%s\n' "$command"
}

service_text() {
    local system_lines='' wanted_by=default.target more=''
    if [ "$SERVICE" = system ]; then
        # A user's systemd can do neither.
        system_lines=$'\n'"User=$OWNER"$'\n'ProtectSystem=full
        wanted_by=multi-user.target
    fi
    if [ "$SOCKET" != "$DATA/comms/moonraker.sock" ]; then more=" --moonraker \"$SOCKET\""; fi
    cat <<TEXT
[Unit]
Description=Moonlapse: stabilised timelapses for Klipper ($DATA)
After=network.target ${MOONRAKER_UNIT:-moonraker}.service
StartLimitIntervalSec=0

[Service]$system_lines
ExecStart="$PREFIX/bin/moonlapse" run --data-path "$DATA"$more
Restart=always
RestartSec=5
# Klipper and Moonraker come first, and a film that needs too much memory must not take theirs.
Nice=5
IOSchedulingPriority=7
MemoryMax=60%
OOMScoreAdjust=500
# No PrivateTmp: Moonraker shows the frames that are in /tmp.
NoNewPrivileges=true
LockPersonality=true
RestrictSUIDSGID=true
RestrictRealtime=true

[Install]
WantedBy=$wanted_by
TEXT
}

install_service() {
    leave_older_service
    if [ "$SERVICE" = none ]; then
        hint "No systemd: have your supervisor keep this running, as $OWNER: $(agent_command)"
        return 0
    fi
    local before after
    ! is_of_another_printer || fail "the service $NAME ($UNIT) is another printer's. Use --service user."
    note_missing "$(dirname -- "$UNIT")"
    before=$(digest_of "$UNIT")
    after=$(service_text | sha256sum | cut -d' ' -f1)
    put "$(service_text)" "$UNIT"
    if [ "$before" != "$after" ] || [ "$AGENT_IS_NEW" = yes ] || ! is_enabled; then
        change "enable and start $NAME.service" start_service
    fi
}
# One of another kind, from an earlier run.
leave_older_service() {
    local old now=$SERVICE
    old=$(noted service "$DATA")
    if [ -n "$old" ] && [ "$old" != "$now" ]; then
        SERVICE=$old UNIT=$(SERVICE=$old unit_file "$NAME")
        remove_service
        forget service "$DATA"
        SERVICE=$now UNIT=$(SERVICE=$now unit_file "$NAME")
    fi
}
digest_of() { if [ -f "$1" ]; then sha256sum <"$1" | cut -d' ' -f1; fi; }

start_service() {
    # In an image that is being built there is no systemd to talk to; the link is enough.
    systemd_ctl daemon-reload || true
    local words=''
    if [ "$SERVICE" = user ]; then words='--user '; fi
    systemd_ctl enable --quiet "$NAME" || hint "Enable it later with: systemctl ${words}enable $NAME"
    systemd_ctl restart "$NAME" || hint "$NAME.service did not start. See: journalctl ${words}-u $NAME"
}

# Needs no root.
is_enabled() {
    if [ "$SERVICE" = user ]; then users_systemctl is-enabled --quiet "$NAME" 2>/dev/null; else systemctl is-enabled --quiet "$NAME" 2>/dev/null; fi
}

systemd_ctl() {
    if [ "$SERVICE" = user ]; then users_systemctl "$@"; else at "$UNITS" systemctl "$@"; fi
}

# Root, and a shell that is no login, know nothing of where the owner's systemd listens.
users_systemctl() { at "$OWNER_HOME" env XDG_RUNTIME_DIR="/run/user/$(id -u -- "$OWNER")" systemctl --user "$@"; }

# Another user of this host may have a printer of the same name.
is_of_another_printer() { [ -f "$UNIT" ] && ! grep -qF -- "--data-path \"$DATA\"" "$UNIT"; }

remove_service() {
    [ -n "$UNIT" ] && [ -f "$UNIT" ] && ! is_of_another_printer || return 0
    change "stop and remove $NAME.service" remove_service_now
}
remove_service_now() {
    systemd_ctl disable --quiet --now "$NAME" || true
    at "$UNIT" rm -- "$UNIT"
    systemd_ctl daemon-reload || true
    systemd_ctl reset-failed "$NAME" 2>/dev/null || true
    remove_when_empty "$(dirname -- "$UNIT")"
}

# Moonraker restarts only services that are listed. It writes its own list when there is none, but not when there is one
# with our name alone.
allow_service() {
    [ "$SERVICE" != none ] || return 0
    local list=$DATA/moonraker.asvc usual=$COMPONENTS/../assets/default_allowed_services
    if [ -f "$list" ]; then
        edit "allow Moonraker to restart $NAME: in $list" "$list" with_line "$NAME"
    elif [ -f "$usual" ]; then
        change "allow Moonraker to restart $NAME: write $list" allow_first "$list" "$usual"
    else
        hint "There is no $list: start Moonraker once, then run this again."
    fi
}
# The list is Moonraker's own then, and stays when we go.
allow_first() {
    contents "$2" | write "$1"
    contents "$1" | with_line "$NAME" | write "$1"
}

disallow_service() { unedit "$DATA/moonraker.asvc" without_line "$NAME"; }

# ------------------------------------------------------------------------------------------------------------ restart

ask_moonraker() {
    at "$SOCKET" python3 "$SOURCE/installer/moonraker.py" "$SOCKET" "$1"
}

# restart_others: has Moonraker load its component and Klipper its macros, or says what is to be done.
restart_others() {
    local state
    if [ "$RESTART" = no ] || ! state=$(ask_moonraker print-state 2>/dev/null); then
        hint "Restart Moonraker and Klipper to go on."
        return 0
    fi
    case $state in
        printing | paused)
            hint "A print is under way: restart Moonraker and Klipper when it has ended."
            return 0
            ;;
    esac
    # Before Moonraker, which hands it on.
    change "restart Klipper" restart_klipper
    if [ "$SERVICE" = system ] && [ -n "$MOONRAKER_UNIT" ]; then
        change "restart $MOONRAKER_UNIT.service" restart_moonraker
    else
        hint "Restart Moonraker to go on."
    fi
}
# What remains to be done is done also when they do not obey.
restart_klipper() { ask_moonraker restart-klipper || hint "Restart Klipper to go on."; }
restart_moonraker() { at "$UNITS" systemctl restart "$MOONRAKER_UNIT" || hint "Restart Moonraker to go on."; }
