#!/usr/bin/env bash
# Installs Moonlapse beside Klipper and Moonraker, or removes it again.
#
# What it does is in install() and uninstall(), at the end; the parts are in installer/. First a plan is made of all
# changes, then it is asked for once. Root is needed only for the system service.

# Also when it is run by another shell.
if [ -z "${BASH_VERSION:-}" ]; then exec bash "$0" "$@"; fi

set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'TEXT'
Usage: install.sh [OPTION]...

Installs the agent, its component for Moonraker and its macros for Klipper, for all printers of this host, and adds them
to moonraker.conf and printer.cfg. Replaces moonraker-timelapse. Shows what it will do, and asks.

  --data PATH          a printer's data folder; may be given several times (default: all ~/printer_data, ~/printer_*_data)
  --yes                do not ask
  --dry-run            show the changes and make none
  --uninstall          take everything back; films and frames stay
  --purge              with --uninstall: remove the frames, too
  --no-configure       leave moonraker.conf and printer.cfg alone
  --no-restart         restart neither Klipper nor Moonraker
  --no-systemd         install no service; have your own supervisor run the agent
  --no-apt             install no package
  --service KIND       system, user or none (default: system where systemd runs, else none)
  --moonraker PATH     Moonraker's checkout, or its folder in a venv (default: that of the running one or of its service)
  --binary PATH        use this moonlapse (default: the release's, else it is built with cargo)
  --prefix PATH        where the program goes (default: a release stays where it is; ~/.moonlapse/program from a checkout)
  --help               this text
TEXT
}

SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]:-.}")" && pwd -P)
STARTED=$(date +%Y%m%d-%H%M%S)
ACTION=install
PRINTERS=()
PREFIX='' MOONRAKER='' BINARY='' SERVICE='' STATE=''
CONFIGURE=yes RESTART=yes APT=yes
PLAN=no DRY_RUN=no YES=no PURGE=no
HINTS=() TO_RESTART=()

if [ ! -d "$SOURCE/installer" ]; then
    echo "install.sh: $SOURCE/installer is missing. Take a whole release or checkout." >&2
    exit 1
fi
# shellcheck source=installer/changes.sh
. "$SOURCE/installer/changes.sh"
# shellcheck source=installer/settings.sh
. "$SOURCE/installer/settings.sh"
# shellcheck source=installer/finding.sh
. "$SOURCE/installer/finding.sh"
# shellcheck source=installer/program.sh
. "$SOURCE/installer/program.sh"
# shellcheck source=installer/service.sh
. "$SOURCE/installer/service.sh"
# shellcheck source=installer/printer.sh
. "$SOURCE/installer/printer.sh"

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --binary | --data | --moonraker | --prefix | --service)
                [ $# -ge 2 ] || fail "$1 needs a value. See --help."
                ;;
        esac
        case $1 in
            --binary) BINARY=$(realpath -m -- "$2") && shift ;;
            --data) PRINTERS+=("$(realpath -m -- "$2")") && shift ;;
            --moonraker) MOONRAKER=$(realpath -m -- "$2") && shift ;;
            --prefix) PREFIX=$(realpath -m -- "$2") && shift ;;
            --service) SERVICE=$2 && shift ;;
            --no-systemd) SERVICE=none ;;
            --no-configure) CONFIGURE=no ;;
            --no-restart) RESTART=no ;;
            --no-apt) APT=no ;;
            --dry-run) DRY_RUN=yes ;;
            --yes) YES=yes ;;
            --uninstall) ACTION=uninstall ;;
            --purge) PURGE=yes ;;
            --help)
                usage
                exit 0
                ;;
            *) fail "unknown option '$1'. See --help." ;;
        esac
        shift
    done
    case $SERVICE in
        '' | system | user | none) ;;
        *) fail "--service is system, user or none, not '$SERVICE'." ;;
    esac
    [ "$PURGE" = no ] || [ "$ACTION" = uninstall ] || fail "--purge goes with --uninstall."
}

# --------------------------------------------------------------------------------------------------------- actions

install() {
    local folder
    say "Install Moonlapse in $PREFIX:"
    # What is wrong with a printer is told before anything else.
    for folder in "${PRINTERS[@]}"; do look_at "$folder"; done
    CHANGED=no
    install_program
    install_ffmpeg
    AGENT_IS_NEW=$CHANGED
    for folder in "${PRINTERS[@]}"; do install_for "$folder"; done
    for folder in "${TO_RESTART[@]}"; do
        look_at "$folder"
        restart_others
    done
    hint "Then reload Mainsail or Fluidd: there is a page Timelapse. TIMELAPSE_DOCTOR on the console looks at everything."
}

install_for() {
    look_at "$1"
    say "For the printer in $DATA:"
    CHANGED=$AGENT_IS_NEW
    install_component
    install_macros
    if [ "$CONFIGURE" = yes ]; then
        configure_moonraker
        allow_service
    else
        hint "Your settings need [timelapse] in $CONF and [include timelapse.cfg] in $PRINTER_CFG."
    fi
    install_service
    note_folders
    note printer "$DATA" "$COMPONENTS"
    note service "$DATA" "$SERVICE"
    if [ "$CHANGED" = yes ]; then TO_RESTART+=("$DATA"); fi
}

uninstall() {
    local folder
    say "Remove Moonlapse; films stay:"
    for folder in "${PRINTERS[@]}"; do uninstall_from "$folder"; done
    # They are asked by a part of the program, so before it goes.
    for folder in "${TO_RESTART[@]}"; do
        look_at "$folder"
        restart_others
    done
    if [ -z "$(other_printers)" ]; then
        remove_program
        if [ -d "$STATE" ]; then change "remove $STATE, with the copies of the files that were changed" remove_state; fi
    else
        hint "The program stays for $(other_printers | paste -sd ' ')."
    fi
}

uninstall_from() {
    local kind
    kind=$(noted service "$1")
    SERVICE=${kind:-$SERVICE}
    look_at "$1"
    say "From the printer in $DATA:"
    CHANGED=no
    remove_service
    remove_traces
    unconfigure_moonraker
    remove_macros
    disallow_service
    forget printer "$DATA"
    forget service "$DATA"
    # Several printers share one Moonraker.
    if ! other_components | has_line "$COMPONENTS"; then
        remove_component
    fi
    if [ "$CHANGED" = yes ]; then TO_RESTART+=("$DATA"); fi
}

# The printers that have Moonlapse, without those of this run.
other_printers() {
    local folder
    noted printer | while IFS= read -r folder; do
        case " ${PRINTERS[*]} " in *" $folder "*) ;; *) [ ! -d "$folder" ] || printf '%s\n' "$folder" ;; esac
    done
}

other_components() {
    local folder
    other_printers | while IFS= read -r folder; do noted printer "$folder"; done
}

remove_state() { at "$(dirname -- "$STATE")" rm -rf -- "$STATE"; }

ask() {
    local answer=
    read -r -p "Go on? [y/N] " answer || true
    case $answer in
        [yY]*) ;;
        *) fail "nothing was changed." ;;
    esac
}

main() {
    local plan
    parse_arguments "$@"
    find_printers
    find_owner
    STATE=$OWNER_HOME/.moonlapse
    choose_service
    choose_prefix

    # Also finds what is in the way, before anything is changed.
    plan=$(
        PLAN=yes
        "$ACTION"
        if [ "$DRY_RUN" = yes ]; then show_hints; fi
    )
    if ! grep -q '^  ' <<<"$plan"; then
        case $ACTION in
            install) say "Nothing to change: Moonlapse is installed for ${PRINTERS[*]}." ;;
            uninstall) say "Nothing to remove: Moonlapse is not installed for ${PRINTERS[*]}." ;;
        esac
    elif [ "$DRY_RUN" = yes ]; then
        say "$plan"
    elif [ "$YES" = yes ]; then
        "$ACTION"
        show_hints
    else
        say "$plan"
        ask
        "$ACTION" >/dev/null
        show_hints
        say "Done."
    fi
}

main "$@"
